// SPDX-License-Identifier: Apache-2.0
#include "nn/norm.h"

#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/optional.h"
#include "tensor/precision.h"

namespace molmo::nn {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) { return tensor::rms_norm(x, weight, eps); }

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return at::layer_norm(widened(x), {x.size(-1)}, as_optional(weight), as_optional(bias), eps);
}

Norm::Norm(config::NormKind kind, int64_t width, bool has_bias, double eps, const ParamScope& scope)
    : kind_(kind), eps_(eps), weight_(scope.add("weight", {width}, Init::ones(), ParamKind::kNorm)) {
  if (has_bias) bias_ = scope.add("bias", {width}, Init::zeros(), ParamKind::kNorm);
}

Tensor Norm::operator()(const Tensor& x) const {
  if (kind_ == config::NormKind::kRms) return rms_norm(x, weight_.value(), eps_);
  return layer_norm(x, weight_.value(), bias_.defined() ? bias_.value() : Tensor(), eps_);
}

}  // namespace molmo::nn
