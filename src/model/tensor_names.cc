// SPDX-License-Identifier: Apache-2.0
#include "model/tensor_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::model {
namespace {

constexpr int64_t kMostBlocks = 100000;

// Modules that hold another one: torch.compile, DistributedDataParallel, FSDP (now and before PyTorch 2), activation
// checkpointing, Lightning.
constexpr std::string_view kWrappers[] = {
    "_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_fpw_module", "_forward_module"};

// What stands beside weights that GPTQ, AWQ, bitsandbytes, compressed-tensors and FP8 exports have packed.
constexpr std::string_view kQuantizedEndings[] = {
    ".qweight",      ".qzeros",        ".g_idx",         ".scales",       ".absmax",           ".quant_map",
    ".SCB",          ".nested_absmax", ".weight_packed", ".weight_scale", ".weight_scale_inv", ".weight_zero_point",
    ".weight_format"};

std::string without_wrappers(const std::string& name) {
  std::string kept;
  for (const std::string& component : split_text(name, '.')) {
    if (std::find(std::begin(kWrappers), std::end(kWrappers), component) != std::end(kWrappers)) continue;
    kept += (kept.empty() ? "" : ".") + component;
  }
  return kept;
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

void expect_plain_weights(const formats::TensorView& view, const std::string& where) {
  const auto ends = [&](std::string_view ending) { return view.name.ends_with(ending); };
  if (std::any_of(std::begin(kQuantizedEndings), std::end(kQuantizedEndings), ends) ||
      view.name.find(".quant_state.") != std::string::npos)
    refuse_quantized(view, where);
  if (view.name.find(".lora_A.") != std::string::npos || view.name.find(".lora_B.") != std::string::npos)
    throw Error(
        fmt::format("[weights] {}: holds an adapter (tensor {:.120}), expected whole weights: merge it into its "
                    "model first",
                    where, view.name));
}

}  // namespace

void refuse_quantized(const formats::TensorView& view, const std::string& where) {
  throw Error(
      fmt::format("[weights] {}: a quantized copy (tensor {:.120} of {}), expected float32, float16 or bfloat16: "
                  "load the original model",
                  where, view.name, formats::dtype_name(view.dtype)));
}

NamedTensors plain_names(const std::vector<const formats::TensorView*>& tensors, const std::string& where) {
  NamedTensors named;
  const auto add = [&](const std::string& name, const formats::TensorView* view) {
    const auto [other, is_new] = named.emplace(name, view);
    if (!is_new)
      throw Error(
          fmt::format("[weights] {}: tensors {:.120} and {:.120} are the same one, {:.120}, expected one of them",
                      where, other->second->name, view->name, name));
  };
  int64_t group_size = 1;
  std::vector<std::pair<GroupedName, const formats::TensorView*>> grouped;
  for (const formats::TensorView* view : tensors) {
    expect_plain_weights(*view, where);
    const std::string name = without_wrappers(view->name);
    if (auto parts = parse_grouped_name(name)) {
      group_size = std::max(group_size, parts->member + 1);
      grouped.emplace_back(std::move(*parts), view);
    } else {
      add(name, view);
    }
  }
  for (const auto& [parts, view] : grouped)
    add(fmt::format("{}blocks.{}{}", parts.head, parts.group * group_size + parts.member, parts.tail), view);
  return named;
}

NamedTensors without_common_prefix(const NamedTensors& tensors) {
  if (tensors.empty()) return {};
  const std::string_view first = tensors.begin()->first, last = tensors.rbegin()->first;  // sorted: all lie between
  const auto [end, other] = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  const size_t dot = first.substr(0, static_cast<size_t>(end - first.begin())).rfind('.');
  if (dot == std::string_view::npos) return tensors;
  NamedTensors shorter;
  for (const auto& [name, view] : tensors) shorter.emplace(name.substr(dot + 1), view);
  return shorter;
}

}  // namespace molmo::model
