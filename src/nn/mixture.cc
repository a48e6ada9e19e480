// SPDX-License-Identifier: Apache-2.0
#include "nn/mixture.h"

#include "nn/activation.h"
#include "nn/linear.h"
#include "tensor/ops.h"
#include "tensor/precision.h"
#include "tensor/shape.h"

namespace molmo::nn {
namespace {

// How often each expert was chosen: [n] -> [num_experts] int64. bincount would wait for a GPU to know its size.
Tensor count_choices(const Tensor& choices, int64_t num_experts) {
  if (choices.is_cpu()) return at::bincount(choices, {}, num_experts);
  return at::zeros({num_experts}, choices.options()).scatter_add_(0, choices, at::ones_like(choices));
}

}  // namespace

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
  const bool is_grouped = tokens.is_cuda() && compute == at::kBFloat16;
  return run(tokens, routing, compute, is_grouped ? ExpertProducts::kGrouped : ExpertProducts::kOneByOne);
}

Tensor Mixture::run(const Tensor& tokens, const Routing& routing, at::ScalarType compute,
                    ExpertProducts products) const {
  const int64_t k = sizes_.experts_per_token;
  expect_shape("mixture tokens", tokens, {kAnySize, sizes_.width});
  const Tensor choices = routing.experts.flatten();                                    // [T*k]
  const Tensor order = at::argsort(choices, /*stable=*/true, /*dim=*/0);               // [T*k], sorted place -> pair
  const Tensor rows = tokens.to(compute).index_select(0, at::floor_divide(order, k));  // [T*k, D]
  const Tensor counts = count_choices(choices, sizes_.num_experts);                    // [E]
  const Tensor sorted =
      products == ExpertProducts::kGrouped ? run_grouped(rows, counts) : run_one_by_one(rows, counts.cpu());
  const Tensor places = at::empty_like(order).scatter_(0, order, at::arange(order.size(0), order.options()));
  const Tensor by_pair = sorted.index_select(0, places);  // [T*k, D]
  return (by_pair.view({-1, k, sizes_.width}) * routing.weights.to(compute).unsqueeze(-1)).sum(1);
}

Tensor Mixture::experts(const Param& param) const {
  return param.value().view({sizes_.num_experts, sizes_.hidden, sizes_.width});
}

Tensor Mixture::run_one_by_one(const Tensor& rows, const Tensor& counts) const {
  const at::ScalarType compute = rows.scalar_type();
  // One unbind: its gradient is one stack, not E padded slices.
  const std::vector<Tensor> gate = experts(w1_).unbind(0), up = experts(v1_).unbind(0), down = experts(w2_).unbind(0);
  const int64_t* count = counts.const_data_ptr<int64_t>();
  std::vector<Tensor> outputs;
  for (int64_t expert = 0, begin = 0; expert < sizes_.num_experts; begin += count[expert++]) {
    // Without any tokens every expert gets its gradient of zeros from an empty product.
    if (count[expert] == 0 && rows.size(0) > 0) continue;
    const Tensor x = rows.narrow(0, begin, count[expert]);  // [n, D]
    const Tensor hidden =
        swiglu(linear(x, up[expert], Tensor(), compute), linear(x, gate[expert], Tensor(), compute));  // [n, F]
    outputs.push_back(linear(hidden, down[expert].t(), Tensor(), compute));                            // [n, D]
  }
  return at::concat(outputs);
}

// All experts in one launch for each of the three products, whose sizes the GPU reads by itself: the host does not wait
// to learn how many tokens an expert has got.
Tensor Mixture::run_grouped(const Tensor& rows, const Tensor& counts) const {
  const Tensor ends = counts.cumsum(0).to(at::kInt);  // [E]
  const auto product = [&](const Tensor& x, const Tensor& weights) { return at::_grouped_mm(x, weights, ends); };
  const auto weights_of = [&](const Param& param) { return experts(param).to(rows.scalar_type()); };  // [E, F, D]
  const Tensor hidden = swiglu(product(rows, weights_of(v1_).transpose(1, 2)),
                               product(rows, weights_of(w1_).transpose(1, 2)));  // [T*k, F]
  return product(hidden, weights_of(w2_));                                       // [T*k, D]
}

Tensor load_balance(const Routing& routing) {
  const Tensor choices = count_choices(routing.experts.flatten(), routing.probs.size(1)).to(at::kFloat);  // [E]
  return at::dot(choices, routing.probs.mean(0));
}

Tensor router_z(const Routing& routing) { return at::logsumexp(routing.logits, {1}).square().sum(); }

}  // namespace molmo::nn
