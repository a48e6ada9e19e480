// SPDX-License-Identifier: Apache-2.0
#include "model/weights.h"

#include <fmt/format.h>

#include "base/check.h"
#include "formats/safetensors.h"
#include "model/model_folder.h"
#include "model/weight_reader.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

constexpr std::pair<formats::DType, at::ScalarType> kDtypes[] = {{formats::DType::kF64, at::kDouble},
                                                                 {formats::DType::kF32, at::kFloat},
                                                                 {formats::DType::kF16, at::kHalf},
                                                                 {formats::DType::kBF16, at::kBFloat16},
                                                                 {formats::DType::kI64, at::kLong},
                                                                 {formats::DType::kI32, at::kInt},
                                                                 {formats::DType::kI16, at::kShort},
                                                                 {formats::DType::kI8, at::kChar},
                                                                 {formats::DType::kU8, at::kByte},
                                                                 {formats::DType::kU16, at::kUInt16},
                                                                 {formats::DType::kU32, at::kUInt32},
                                                                 {formats::DType::kU64, at::kUInt64},
                                                                 {formats::DType::kF8E4M3, at::kFloat8_e4m3fn},
                                                                 {formats::DType::kF8E5M2, at::kFloat8_e5m2},
                                                                 {formats::DType::kBool, at::kBool}};

void expect_whole(const WeightReader& reader) {
  if (!reader.is_part()) return;
  throw Error(fmt::format("[weights] {}: got a {}, expected a whole Molmo", reader.path().string(),
                          reader.layout() == Layout::kLlmPart ? "language model" : "vision tower"));
}

void read(ParamSet& params, const WeightReader& reader, const std::vector<Recipe>& recipes, const WeightSink& sink) {
  for (const Recipe& recipe : recipes) {
    Parameter& param = *params.find(recipe.name);
    const ValueRange range = sink.wanted ? sink.wanted(param) : ValueRange{0, c10::multiply_integers(recipe.shape)};
    reader.read(recipe, range.begin, range.end,
                [&](int64_t begin, const Tensor& values) { sink.take(param, begin, values); });
  }
}

}  // namespace

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

Tensor to_tensor(const formats::TensorView& view) {
  Tensor tensor = at::empty(view.shape, at::TensorOptions().dtype(scalar_type(view.dtype)));
  MOLMO_CHECK(tensor.nbytes() == view.num_bytes(), view.name);
  view.read(0, {static_cast<uint8_t*>(tensor.mutable_data_ptr()), tensor.nbytes()}, /*drops=*/true);
  return tensor;
}

Tensor read_values(const formats::TensorView& view, int64_t begin, int64_t count) {
  Tensor tensor = at::empty({count}, at::TensorOptions().dtype(scalar_type(view.dtype)));
  view.read(static_cast<size_t>(begin) * formats::dtype_size(view.dtype),
            {static_cast<uint8_t*>(tensor.mutable_data_ptr()), tensor.nbytes()}, /*drops=*/true);
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
  for (const auto& [name, tensor] : tensors)
    entries.push_back({name, file_dtype(tensor.scalar_type()), tensor.sizes().vec()});
  formats::SafetensorsWriter writer(path, entries, metadata);
  for (const auto& [name, tensor] : tensors) {
    const Tensor plain = tensor.detach().cpu().contiguous();
    writer.write({static_cast<const uint8_t*>(plain.const_data_ptr()), plain.nbytes()});
  }
  writer.finish();
}

WeightSink place_params(at::Device device, at::ScalarType matrices) {
  const auto take = [device, matrices](Parameter& param, int64_t begin, const Tensor& values) {
    const at::NoGradGuard no_grad;
    if (param.value.is_meta()) {
      const auto type = param.role.kind == ParamKind::kMatrix ? matrices : at::kFloat;
      param.value = at::empty(param.value.sizes(), at::TensorOptions().dtype(type).device(device))
                        .set_requires_grad(param.value.requires_grad());
    }
    param.value.detach().view({-1}).narrow(0, begin, values.numel()).copy_(values);
  };
  return {.take = take, .wanted = {}};
}

void load_weights(ParamSet& params, const config::ModelConfig& config, const std::filesystem::path& path,
                  const WeightSink& sink) {
  load_weights(params, WeightReader(config, path), sink);
}

void load_weights(ParamSet& params, WeightReader reader, const WeightSink& sink) {
  expect_whole(reader);
  const std::vector<Recipe> recipes = reader.recipes(params);
  reader.expect_nothing_left();
  reader.throw_problems();
  read(params, reader, recipes, sink);
}

std::set<std::string> load_weights_below(ParamSet& params, const config::ModelConfig& config, const std::string& prefix,
                                         const std::filesystem::path& path, const WeightSink& sink) {
  WeightReader reader(config, path);
  const std::vector<Recipe> recipes = reader.recipes(params, prefix);
  reader.expect_no_block_left();
  reader.throw_problems();
  if (recipes.empty())
    throw Error(fmt::format("[weights] {}: got a file of layout '{}', expected weights for {}", path.string(),
                            layout_name(reader.layout()), prefix));
  expect_part_fits(path, config, prefix.starts_with("model.transformer"));
  read(params, reader, recipes, sink);
  std::set<std::string> names;
  for (const Recipe& recipe : recipes) names.insert(recipe.name);
  return names;
}

void round_matrices(ParamSet& params, at::ScalarType type) {
  for (Parameter& param : params.all()) {
    if (param.role.kind == ParamKind::kMatrix) param.value = param.value.to(type);
  }
}

}  // namespace molmo::model
