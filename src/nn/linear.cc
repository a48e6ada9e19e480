// SPDX-License-Identifier: Apache-2.0
#include "nn/linear.h"

#include "base/check.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::nn {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, at::ScalarType compute) {
  return tensor::linear(x, weight.to(compute), bias.defined() ? bias.to(compute) : bias);
}

Linear::Linear(int64_t in, int64_t out, bool has_bias, Init init, const ParamScope& scope)
    : weight_(scope.add("weight", {out, in}, init, ParamKind::kMatrix)) {
  if (has_bias) bias_ = scope.add("bias", {out}, Init::zeros(), ParamKind::kBias);
}

Tensor Linear::operator()(const Tensor& x, at::ScalarType compute) const {
  return linear(x, weight_.value(), bias_.defined() ? bias_.value() : Tensor(), compute);
}

std::vector<Tensor> joint_linear(const Tensor& x, std::initializer_list<const Linear*> parts, at::ScalarType compute) {
  std::vector<Tensor> weights, biases;
  std::vector<int64_t> widths;
  for (const Linear* part : parts) {
    weights.push_back(part->weight().value().to(compute));
    widths.push_back(weights.back().size(0));
    if (part->bias().defined()) biases.push_back(part->bias().value().to(compute));
  }
  MOLMO_CHECK(biases.empty() || biases.size() == weights.size(), "joint_linear: some of the maps have a bias");
  const Tensor bias = biases.empty() ? Tensor() : at::concat(biases);
  return tensor::linear(x, at::concat(weights), bias).split_with_sizes(widths, -1);
}

}  // namespace molmo::nn
