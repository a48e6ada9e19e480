// SPDX-License-Identifier: Apache-2.0
#include "nn/linear.h"

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

}  // namespace molmo::nn
