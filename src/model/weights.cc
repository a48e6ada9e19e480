// SPDX-License-Identifier: Apache-2.0
#include "model/weights.h"

#include <fmt/ranges.h>

#include "base/check.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {
namespace {

constexpr std::pair<formats::DType, at::ScalarType> kDtypes[] = {
    {formats::DType::kF64, at::kDouble}, {formats::DType::kF32, at::kFloat}, {formats::DType::kF16, at::kHalf},
    {formats::DType::kBF16, at::kBFloat16}, {formats::DType::kI64, at::kLong}, {formats::DType::kI32, at::kInt},
    {formats::DType::kI16, at::kShort}, {formats::DType::kI8, at::kChar}, {formats::DType::kU8, at::kByte},
    {formats::DType::kBool, at::kBool}};

at::ScalarType scalar_type(formats::DType dtype) {
  for (const auto& [file, torch] : kDtypes) {
    if (file == dtype) return torch;
  }
  MOLMO_CHECK(false, "dtype without a LibTorch counterpart");
}

formats::DType file_dtype(at::ScalarType type) {
  for (const auto& [file, torch] : kDtypes) {
    if (torch == type) return file;
  }
  MOLMO_CHECK(false, "dtype that safetensors cannot hold");
}

// Fills `params` from the file's tensors and collects what does not fit.
void fill(ParamSet& params, const formats::SafetensorsFolder& file, const std::function<bool(const std::string&)>& is_wanted,
          std::vector<std::string>& problems) {
  const at::NoGradGuard no_grad;
  for (Parameter& param : params.all()) {
    if (!is_wanted(param.name)) continue;
    const formats::TensorView* view = file.find(param.name);
    if (view == nullptr) {
      problems.push_back(fmt::format("missing {} {}", param.name, format_shape(param.value.sizes())));
    } else if (param.value.sizes() != IntArrayRef(view->shape)) {
      problems.push_back(fmt::format("{}: got shape {}, expected {}", param.name, format_shape(view->shape), format_shape(param.value.sizes())));
    } else {
      const Tensor value = to_tensor(*view).to(at::kFloat);
      param.value = param.value.is_meta() ? value : param.value.copy_(value);
    }
  }
}

void throw_problems(const std::filesystem::path& folder, const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  throw Error(fmt::format("[weights] {}: {} tensors do not fit the model configuration:\n  {}", folder.string(), problems.size(),
                          fmt::join(problems, "\n  ")));
}

}  // namespace

Tensor to_tensor(const formats::TensorView& view) {
  Tensor tensor = at::empty(view.shape, at::TensorOptions().dtype(scalar_type(view.dtype)));
  MOLMO_CHECK(tensor.nbytes() == view.data.size(), view.name);
  std::memcpy(tensor.mutable_data_ptr(), view.data.data(), view.data.size());  // a copy needs no alignment
  return tensor;
}

std::map<std::string, Tensor> read_tensors(const std::filesystem::path& path) {
  const formats::SafetensorsFile file(path);
  std::map<std::string, Tensor> tensors;
  for (const formats::TensorView& view : file.tensors()) tensors[view.name] = to_tensor(view);
  return tensors;
}

void write_tensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<formats::TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({name, file_dtype(tensor.scalar_type()), tensor.sizes().vec()});
  formats::SafetensorsWriter writer(path, entries, metadata);
  for (const auto& [name, tensor] : tensors) {
    const Tensor plain = tensor.detach().cpu().contiguous();
    writer.write({static_cast<const uint8_t*>(plain.const_data_ptr()), plain.nbytes()});
  }
  writer.finish();
}

void load_weights(ParamSet& params, const std::filesystem::path& folder) {
  const formats::SafetensorsFolder file(folder);
  std::vector<std::string> problems;
  fill(params, file, [](const std::string&) { return true; }, problems);
  for (const formats::TensorView* view : file.tensors()) {
    if (params.find(view->name) == nullptr) problems.push_back(fmt::format("extra {} {}", view->name, format_shape(view->shape)));
  }
  throw_problems(folder, problems);
}

void load_weights_below(ParamSet& params, const std::string& prefix, const std::filesystem::path& folder) {
  const formats::SafetensorsFolder file(folder);
  std::vector<std::string> problems;
  fill(params, file, [&](const std::string& name) { return name.starts_with(prefix); }, problems);
  throw_problems(folder, problems);
}

void save_weights(const ParamSet& params, const std::filesystem::path& folder) {
  std::map<std::string, Tensor> tensors;
  for (const Parameter& param : params.all()) tensors[param.name] = param.value;
  write_tensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
}

}  // namespace molmo::model
