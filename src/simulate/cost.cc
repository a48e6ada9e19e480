// SPDX-License-Identifier: Apache-2.0
#include "simulate/cost.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "simulate/gpu.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

// LibTorch's multi-tensor kernels: values of a block, blocks and tensors of a launch (MultiTensorApply.cuh; the fused
// optimizers take four lists).
constexpr double kChunk = 65536, kBlocks = 320, kTensors = 30;

bool starts_no_kernel(std::string_view name) {
  static const std::set<std::string_view> free = {
      "empty",     "empty_strided", "as_strided", "view",         "_reshape_alias",
      "detach",    "alias",         "resize_",    "set_",         "expand",
      "permute",   "transpose",     "t",          "squeeze",      "unsqueeze",
      "select",    "slice",         "unfold",     "view_as_real", "record_stream",
      "is_set_to", "is_same_size"};
  return free.contains(name);
}

// Kernels of operators that start several, where their inputs are large enough to matter.
int launches_of(std::string_view name) {
  static const std::map<std::string_view, int> several = {{"cumsum", 2},
                                                          {"sort", 4},
                                                          {"argsort", 4},
                                                          {"topk", 3},
                                                          {"nonzero", 3},
                                                          {"embedding_dense_backward", 6},
                                                          {"bincount", 2},
                                                          {"native_layer_norm_backward", 2},
                                                          {"_flash_attention_backward", 3},
                                                          {"_scaled_dot_product_flash_attention_backward", 3}};
  const auto found = several.find(name);
  return found == several.end() ? 1 : found->second;
}

double size_of(const Tensor& x, int64_t axis) { return static_cast<double>(x.size(axis)); }

// Of the last two tensors of (a, b) or (c, a, b): [..., m, k] x [..., k, n].
double product_flops(const std::vector<Tensor>& operands) {
  const Tensor &a = operands[operands.size() - 2], &b = operands.back();
  return 2.0 * static_cast<double>(a.numel()) * size_of(b, -1);
}

// Pairs of queries and keys. Sequences that end at known places count one by one; half of a square's pairs are causal.
double pairs(const std::vector<c10::IValue>& arguments, size_t first_end, bool is_causal, double whole) {
  const Tensor query_ends = known_values(arguments[first_end].toTensor()),
               key_ends = known_values(arguments[first_end + 1].toTensor());
  double sum = whole;
  if (query_ends.defined() && key_ends.defined())
    sum = (query_ends.diff().to(at::kDouble) * key_ends.diff().to(at::kDouble)).sum().item<double>();
  return is_causal ? sum / 2 : sum;
}

// Two products forward, five backward (the scores are computed again). Heads lie on axis 1 in both layouts.
double attention_flops(std::string_view name, const std::vector<c10::IValue>& arguments) {
  const bool is_backward = name.ends_with("backward");
  const Tensor& q = arguments[is_backward ? 1 : 0].toTensor();
  const Tensor& k = arguments[is_backward ? 2 : 1].toTensor();
  double count = 0;
  if (name.starts_with("_flash")) {  // [T, H, Dh] and the ends of sequences
    const size_t ends = is_backward ? 6 : 3, causal = is_backward ? 11 : 8;
    const bool is_causal = arguments[causal].toBool();
    count = pairs(arguments, ends, is_causal, size_of(q, 0) * size_of(k, 0));
  } else {  // [B, H, S, Dh]
    const bool is_causal = arguments[is_backward ? 11 : 4].toBool();
    count = size_of(q, 0) * size_of(q, 2) * size_of(k, 2) * (is_causal ? 0.5 : 1.0);
  }
  return (is_backward ? 10.0 : 4.0) * count * size_of(q, 1) * size_of(q, -1);
}

int multi_tensor_launches(const std::vector<Tensor>& tensors) {
  double blocks = 0;
  for (const Tensor& tensor : tensors) blocks += std::ceil(static_cast<double>(tensor.numel()) / kChunk);
  return static_cast<int>(
      std::max(std::ceil(blocks / kBlocks), std::ceil(static_cast<double>(tensors.size()) / kTensors)));
}

// What is written without being read: results and out= arguments, and what these fill.
bool is_only_written(const c10::Argument& argument, std::string_view name) {
  static const std::set<std::string_view> fills = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_"};
  const bool is_written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  return is_written && (argument.is_out() || fills.contains(name));
}

double moved_bytes(const c10::FunctionSchema& schema, std::string_view name, const std::vector<c10::IValue>& arguments,
                   const std::vector<c10::IValue>& results) {
  double sum = 0;
  const auto add = [&](const c10::IValue& value) {
    for (const Tensor& tensor : tensors_in(value)) sum += distinct_bytes(tensor);
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = schema.arguments()[i];
    if (!is_only_written(argument, name)) add(arguments[i]);
    if (argument.alias_info() != nullptr && argument.alias_info()->isWrite()) add(arguments[i]);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (schema.returns()[i].alias_info() == nullptr) add(results[i]);
  }
  return sum;
}

}  // namespace

std::vector<Tensor> tensors_in(const c10::IValue& value) {
  std::vector<Tensor> found;
  if (value.isTensor()) {
    if (value.toTensor().defined()) found.push_back(value.toTensor());
  } else if (value.isTensorList()) {
    for (const Tensor& tensor : value.toTensorVector()) found.push_back(tensor);
  } else if (value.isList()) {  // of optional tensors
    for (const c10::IValue& element : value.toListRef()) {
      if (element.isTensor() && element.toTensor().defined()) found.push_back(element.toTensor());
    }
  }
  return found;
}

double distinct_bytes(const Tensor& tensor) {
  double count = 1;
  for (int64_t axis = 0; axis < tensor.dim(); ++axis) count *= tensor.stride(axis) == 0 ? 1.0 : size_of(tensor, axis);
  return tensor.numel() == 0 ? 0.0 : count * static_cast<double>(tensor.element_size());
}

std::optional<Event> cost_of(const c10::FunctionSchema& schema, const std::vector<c10::IValue>& arguments,
                             const std::vector<c10::IValue>& results) {
  std::string_view name = schema.name();
  if (const size_t colons = name.rfind("::"); colons != std::string_view::npos) name.remove_prefix(colons + 2);
  if (starts_no_kernel(name)) return std::nullopt;
  static const std::set<std::string_view> products = {"mm", "addmm", "bmm", "baddbmm", "_grouped_mm"};
  static const std::set<std::string_view> attentions = {"_flash_attention_forward", "_flash_attention_backward",
                                                        "_scaled_dot_product_flash_attention",
                                                        "_scaled_dot_product_flash_attention_backward"};
  Event event{.name = std::string(name),
              .num_launches = launches_of(name),
              .bytes = moved_bytes(schema, name, arguments, results)};
  std::vector<Tensor> operands;
  for (const c10::IValue& argument : arguments) {
    const std::vector<Tensor> own = tensors_in(argument);
    operands.insert(operands.end(), own.begin(), own.end());
  }
  if (!operands.empty()) event.type = operands.front().scalar_type();
  if (products.contains(name)) {
    event.kind = EventKind::kProduct;
    if (name == "_grouped_mm") operands.resize(2);
    if (schema.overload_name().find("out") != std::string::npos) operands.pop_back();
    event.type = operands.back().scalar_type();
    event.flops = product_flops(operands);
  } else if (attentions.contains(name)) {
    event.kind = EventKind::kAttention;
    event.flops = attention_flops(name, arguments);
  } else if (name.starts_with("_foreach_") || name.starts_with("_fused_adam")) {
    event.num_launches = multi_tensor_launches(tensors_in(arguments.front()));
    // Its gradients are declared as written, which they are only where they are unscaled.
    if (name.starts_with("_fused")) {
      for (const Tensor& gradient : tensors_in(arguments[1])) event.bytes -= distinct_bytes(gradient);
    }
  } else if (event.bytes == 0) {
    return std::nullopt;  // of no values
  }
  return event;
}

}  // namespace molmo::simulate
