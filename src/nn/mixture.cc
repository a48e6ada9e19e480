// SPDX-License-Identifier: Apache-2.0
#include "nn/mixture.h"

#include "nn/activation.h"
#include "nn/linear.h"
#include "tensor/ops.h"
#include "tensor/precision.h"
#include "tensor/shape.h"

namespace molmo::nn {

Mixture::Mixture(const MixtureSizes& sizes, Init init, const ParamScope& scope) : sizes_(sizes) {
  const ParamScope experts = scope / "experts" / "mlp";
  const int64_t rows = sizes.num_experts * sizes.hidden;
  router_ = (scope / "router" / "layer").add("weight", {sizes.num_experts, sizes.width}, init, ParamKind::kMatrix);
  w1_ = experts.add("w1", {rows, sizes.width}, init, ParamKind::kMatrix);
  v1_ = experts.add("v1", {rows, sizes.width}, init, ParamKind::kMatrix);
  w2_ = experts.add("w2", {rows, sizes.width}, init, ParamKind::kMatrix);
}

Routing Mixture::route(const Tensor& tokens, at::ScalarType compute) const {
  Routing routing;
  routing.logits = widened(linear(tokens, router_.value(), Tensor(), compute));  // [T, E]
  routing.probs = at::softmax(routing.logits, -1);
  std::tie(routing.weights, routing.experts) = at::topk(routing.probs, sizes_.experts_per_token);
  return routing;
}

// The T*k (token, choice) pairs are sorted by expert, so that each used expert is three matrix products over its own
// rows; the results then return to the order of the pairs, where a token's choices are summed in the order of their
// weight.
Tensor Mixture::operator()(const Tensor& tokens, const Routing& routing, at::ScalarType compute) const {
  const int64_t k = sizes_.experts_per_token;
  expect_shape("mixture tokens", tokens, {kAnySize, sizes_.width});
  const Tensor choices = routing.experts.flatten();                                    // [T*k]
  const Tensor order = at::argsort(choices, /*stable=*/true, /*dim=*/0);               // [T*k], sorted place -> pair
  const Tensor counts = at::bincount(choices, {}, sizes_.num_experts).cpu();           // [E]
  const Tensor rows = tokens.to(compute).index_select(0, at::floor_divide(order, k));  // [T*k, D]
  const auto per_expert = [&](const Param& param) {  // one unbind: its gradient is one stack, not E padded slices
    return param.value().view({sizes_.num_experts, sizes_.hidden, sizes_.width}).unbind(0);
  };
  const std::vector<Tensor> gate = per_expert(w1_), up = per_expert(v1_), down = per_expert(w2_);
  const int64_t* count = counts.const_data_ptr<int64_t>();
  std::vector<Tensor> outputs;
  for (int64_t expert = 0, begin = 0; expert < sizes_.num_experts; begin += count[expert++]) {
    // Without any tokens every expert gets its gradient of zeros from an empty product.
    if (count[expert] == 0 && tokens.size(0) > 0) continue;
    const Tensor x = rows.narrow(0, begin, count[expert]);  // [n, D]
    const Tensor hidden =
        swiglu(linear(x, up[expert], Tensor(), compute), linear(x, gate[expert], Tensor(), compute));  // [n, F]
    outputs.push_back(linear(hidden, down[expert].t(), Tensor(), compute));                            // [n, D]
  }
  const Tensor by_pair = at::concat(outputs).index_select(0, at::argsort(order));  // [T*k, D]
  return (by_pair.view({-1, k, sizes_.width}) * routing.weights.to(compute).unsqueeze(-1)).sum(1);
}

Tensor load_balance(const Routing& routing) {
  const Tensor choices = at::bincount(routing.experts.flatten(), {}, routing.probs.size(1)).to(at::kFloat);  // [E]
  return at::dot(choices, routing.probs.mean(0));
}

Tensor router_z(const Routing& routing) { return at::logsumexp(routing.logits, {1}).square().sum(); }

}  // namespace molmo::nn
