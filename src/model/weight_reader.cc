// SPDX-License-Identifier: Apache-2.0
#include "model/weight_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {
namespace {

constexpr int64_t kPieceBytes = int64_t{64} << 20;

// The number after "layers." or "layer.", where there is one: 3 of "vision_model.encoder.layers.3.mlp.fc1.bias".
std::optional<int> block_of(std::string_view name) {
  for (const std::string_view list : {"layers.", "layer."}) {
    const size_t at = name.find(list);
    int number = 0;
    if (at == std::string_view::npos || (at > 0 && name[at - 1] != '.')) continue;
    const char* begin = name.data() + at + list.size();
    const auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
    if (error == std::errc() && end != name.data() + name.size() && *end == '.') return number;
  }
  return std::nullopt;
}

}  // namespace

WeightReader::WeightReader(const config::ModelConfig& config, const std::filesystem::path& path)
    : WeightReader(config, path, formats::open_tensors(path)) {}

WeightReader::WeightReader(const config::ModelConfig& config, std::filesystem::path path,
                           std::unique_ptr<formats::TensorSource> source)
    : config_(config), path_(std::move(path)), source_(std::move(source)) {
  by_name_ = plain_names(source_->tensors(), path_.string());
  std::optional<Layout> layout = detect_layout(by_name_);
  if (!layout) {
    by_name_ = without_common_prefix(by_name_);
    layout = detect_layout(by_name_);
  }
  if (!layout)
    throw Error(
        fmt::format("[weights] {}: unknown tensor names, got {:.120}, expected those of a Molmo, or of a Qwen2, "
                    "OLMo-2, OLMoE, CLIP, SigLIP or DINOv2 model",
                    path_.string(), by_name_.empty() ? "none" : by_name_.begin()->first));
  layout_ = *layout;
}

const formats::TensorView* WeightReader::find_exactly(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const formats::TensorView* WeightReader::find(const std::string& name) const {
  const formats::TensorView* view = find_exactly(name);
  for (const std::string_view prefix : {"model.", "vision_model."}) {  // a decoder without its head, a tower on its own
    if (view == nullptr && is_part() && name.starts_with(prefix)) view = find_exactly(name.substr(prefix.size()));
  }
  return view;
}

std::vector<const formats::TensorView*> WeightReader::sources(const Recipe& recipe) const {
  std::vector<const formats::TensorView*> views;
  for (const std::string& name : recipe.sources) views.push_back(find(name));
  if (views.size() == 1 && views[0] == nullptr && !recipe.fallback.empty()) views[0] = find(recipe.fallback);
  return views;
}

bool WeightReader::fits(const Recipe& recipe) {
  std::vector<Tensor> shapes;
  const std::vector<const formats::TensorView*> views = sources(recipe);
  for (size_t i = 0; i < views.size(); ++i) {
    if (views[i] == nullptr) {
      problems_.push_back(fmt::format("missing {} {}", recipe.sources[i],
                                      views.size() == 1 ? format_shape(recipe.shape) : "for " + recipe.name));
      continue;
    }
    if (!formats::holds_weights(views[i]->dtype)) refuse_quantized(*views[i], path_.string());
    used_.insert(views[i]);
    shapes.push_back(
        at::empty(views[i]->shape, at::TensorOptions().device(at::kMeta).dtype(scalar_type(views[i]->dtype))));
  }
  if (shapes.size() != views.size()) return false;
  Tensor value;
  std::string problem = assemble(recipe, config_.vit, shapes, value);
  const bool is_good = problem.empty();
  if (!is_good) problems_.push_back(std::move(problem));
  return is_good;
}

std::vector<Recipe> WeightReader::recipes(const ParamSet& params, const std::string& prefix) {
  std::vector<Recipe> kept;
  for (Recipe& recipe : make_recipes(layout_, config_, params)) {
    if (recipe.name.starts_with(prefix) && fits(recipe)) kept.push_back(std::move(recipe));
  }
  return kept;
}

void WeightReader::expect_nothing_left() {
  for (const formats::TensorView* view : source_->tensors()) {
    if (!used_.contains(view)) problems_.push_back(fmt::format("extra {} {}", view->name, format_shape(view->shape)));
  }
}

void WeightReader::expect_no_block_left() {
  if (!is_part()) return;
  const int num_blocks = layout_ == Layout::kLlmPart ? std::numeric_limits<int>::max() : config_.vit.num_layers;
  for (const auto& [name, view] : by_name_) {
    if (used_.contains(view) || name.ends_with("inv_freq") || name.starts_with("text_model.")) continue;
    const std::optional<int> block = block_of(name);
    if (block && *block < num_blocks)
      problems_.push_back(fmt::format("extra {} {}", view->name, format_shape(view->shape)));
  }
}

void WeightReader::throw_problems() const {
  if (problems_.empty()) return;
  throw Error(fmt::format("[weights] {}: {} tensors do not fit the model configuration:\n  {}", path_.string(),
                          problems_.size(), join_some(problems_, "\n  ")));
}

Tensor WeightReader::read_values(const formats::TensorView& view, int64_t begin, int64_t count) const {
  Tensor tensor = at::empty({count}, at::TensorOptions().dtype(scalar_type(view.dtype)));
  source_->read(view, static_cast<size_t>(begin) * formats::dtype_size(view.dtype),
                {static_cast<uint8_t*>(tensor.mutable_data_ptr()), tensor.nbytes()});
  return tensor;
}

Tensor WeightReader::value(const Recipe& recipe) const {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> tensors;
  for (const formats::TensorView* view : sources(recipe))
    tensors.push_back(read_values(*view, 0, view->num_values()).view(view->shape));
  Tensor value;
  assemble(recipe, config_.vit, tensors, value);  // fits: recipes() has checked it
  return value;
}

// A parameter is the rows of its sources one after another, so that its values are theirs in order, once each source
// is turned as the recipe says.
void WeightReader::read(const Recipe& recipe, int64_t begin, int64_t end, const Take& take) const {
  const at::NoGradGuard no_grad;
  int64_t first = 0;  // the parameter's value with which a source begins
  for (const formats::TensorView* view : sources(recipe)) {
    const bool is_plain = recipe.change == Change::kNone;
    const int64_t count = recipe.sources.size() == 1 ? c10::multiply_integers(recipe.shape) : view->num_values();
    const int64_t from = std::max(begin, first), to = std::min(end, first + count);
    const int64_t piece = is_plain ? kPieceBytes / static_cast<int64_t>(formats::dtype_size(view->dtype)) : count;
    if (from < to && !is_plain) {
      const Tensor source = read_values(*view, 0, view->num_values()).view(view->shape);
      take(from, file_rows(recipe, config_.vit, source).flatten().slice(0, from - first, to - first));
    }
    for (int64_t at = from; is_plain && at < to; at += piece)
      take(at, read_values(*view, at - first, std::min(piece, to - at)));
    first += count;
  }
}

}  // namespace molmo::model
