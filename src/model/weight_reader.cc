// SPDX-License-Identifier: Apache-2.0
#include "model/weight_reader.h"

#include <fmt/ranges.h>

#include "base/files.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {

WeightReader::WeightReader(const config::ModelConfig& config, const std::filesystem::path& path)
    : config_(config), path_(path), source_(formats::open_tensors(path)) {
  std::vector<std::string> names;
  for (const formats::TensorView* view : source_->tensors()) names.push_back(view->name);
  layout_ = detect_layout(names, path.string());
}

const formats::TensorView* WeightReader::find(const std::string& name) const {
  const formats::TensorView* view = source_->find(name);
  for (const std::string_view prefix : {"model.", "vision_model."}) {  // a decoder without its head, a tower on its own
    if (view == nullptr && is_part() && name.starts_with(prefix)) view = source_->find(name.substr(prefix.size()));
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
      problems_.push_back(fmt::format("missing {} {}", recipe.sources[i], views.size() == 1 ? format_shape(recipe.shape) : "for " + recipe.name));
      continue;
    }
    used_.insert(views[i]);
    shapes.push_back(at::empty(views[i]->shape, at::TensorOptions().device(at::kMeta).dtype(scalar_type(views[i]->dtype))));
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

void WeightReader::throw_problems() const {
  if (problems_.empty()) return;
  throw Error(fmt::format("[weights] {}: {} tensors do not fit the model configuration:\n  {}", path_.string(), problems_.size(),
                          fmt::join(problems_, "\n  ")));
}

Tensor WeightReader::value(const Recipe& recipe) const {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> tensors;
  for (const formats::TensorView* view : sources(recipe)) {
    tensors.push_back(to_tensor(*view));
    if (view->is_mapped) release_pages(view->data);
  }
  Tensor value;
  assemble(recipe, config_.vit, tensors, value);  // fits: recipes() has checked it
  return value;
}

}  // namespace molmo::model
