// SPDX-License-Identifier: Apache-2.0
#include "model/weight_reader.h"

#include <fmt/ranges.h>

#include <charconv>
#include <optional>

#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {
namespace {

constexpr int64_t kMostBlocks = 100000;

std::string without_wrappers(std::string name) {
  constexpr std::string_view kWrapper = "_fsdp_wrapped_module.";
  for (size_t at = 0; (at = name.find(kWrapper, at)) != std::string::npos;) name.erase(at, kWrapper.size());
  return name;
}

// "transformer.block_groups.1.0.attn_out.weight"
struct GroupedName {
  std::string head, tail;  // "transformer.", ".attn_out.weight"
  int64_t group = 0, member = 0;
};

std::optional<GroupedName> parse_grouped_name(const std::string& name) {
  constexpr std::string_view kGroups = "block_groups.";
  const size_t groups = name.find(kGroups);
  if (groups == std::string::npos) return std::nullopt;
  GroupedName parts{.head = name.substr(0, groups), .tail = {}};
  const char* const end = name.data() + name.size();
  const auto group = std::from_chars(name.data() + groups + kGroups.size(), end, parts.group);
  if (group.ec != std::errc() || group.ptr == end || *group.ptr != '.' || parts.group < 0 || parts.group > kMostBlocks)
    return std::nullopt;
  const auto member = std::from_chars(group.ptr + 1, end, parts.member);
  if (member.ec != std::errc() || parts.member < 0 || parts.member > kMostBlocks) return std::nullopt;
  parts.tail.assign(member.ptr, end);
  return parts;
}

}  // namespace

WeightReader::WeightReader(const config::ModelConfig& config, const std::filesystem::path& path)
    : config_(config), path_(path), source_(formats::open_tensors(path)) {
  name_tensors();
  std::vector<std::string> names;
  for (const auto& [name, view] : by_name_) names.push_back(name);
  layout_ = detect_layout(names, path.string());
}

// Names as the tables have them: sharded saves wrap modules, and the public code can group its blocks (spec/model.md
// §4).
void WeightReader::name_tensors() {
  int64_t group_size = 1;
  std::vector<std::pair<GroupedName, const formats::TensorView*>> grouped;
  for (const formats::TensorView* view : source_->tensors()) {
    const std::string name = without_wrappers(view->name);
    if (const auto parts = parse_grouped_name(name)) {
      group_size = std::max(group_size, parts->member + 1);
      grouped.emplace_back(*parts, view);
    } else {
      by_name_.emplace(name, view);
    }
  }
  for (const auto& [parts, view] : grouped)
    by_name_.emplace(fmt::format("{}blocks.{}{}", parts.head, parts.group * group_size + parts.member, parts.tail),
                     view);
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

void WeightReader::throw_problems() const {
  if (problems_.empty()) return;
  throw Error(fmt::format("[weights] {}: {} tensors do not fit the model configuration:\n  {}", path_.string(),
                          problems_.size(), fmt::join(problems_, "\n  ")));
}

Tensor WeightReader::value(const Recipe& recipe) const {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> tensors;
  for (const formats::TensorView* view : sources(recipe)) tensors.push_back(to_tensor(*view));
  Tensor value;
  assemble(recipe, config_.vit, tensors, value);  // fits: recipes() has checked it
  return value;
}

}  // namespace molmo::model
