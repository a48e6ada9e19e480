// RMSNorm and LayerNorm, float32 inside whatever the input is. Facts: spec/model.md §2.11, §2.16.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/model_config.h"
#include "tensor/param_set.h"

namespace molmo::nn {

/// w * round_to_input_dtype(x / sqrt(mean(x^2) + eps)). PARITY: the normalised value is rounded to the input's dtype
/// before the float32 weight is applied, so a bf16 input gives a float32 result.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);  // [..., D], [D] -> [..., D]

/// LayerNorm with weight and bias (either may be undefined), computed in float32.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);  // [..., D] -> [..., D]

/// A norm with its parameters.
class Norm {
 public:
  Norm() = default;
  Norm(config::NormKind kind, int64_t width, bool has_bias, double eps, const ParamScope& scope);

  Tensor operator()(const Tensor& x) const;  // [..., D] -> [..., D] float32

 private:
  config::NormKind kind_ = config::NormKind::kRms;
  double eps_ = 1e-5;
  Param weight_, bias_;
};

}  // namespace molmo::nn
