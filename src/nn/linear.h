// Linear maps with an explicit compute dtype (docs/architecture.md, "Compute dtype").
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <vector>

#include "tensor/param_set.h"

namespace molmo::nn {

/// y = x W^T + b, computed in `compute` whatever the dtypes of x and the parameters; the result has that dtype.
class Linear {
 public:
  Linear() = default;
  /// Weight [out, in] and, if `has_bias`, bias [out] (zeros).
  Linear(int64_t in, int64_t out, bool has_bias, Init init, const ParamScope& scope);

  Tensor operator()(const Tensor& x, at::ScalarType compute) const;  // [..., in] -> [..., out]

  const Param& weight() const { return weight_; }  // [out, in]
  const Param& bias() const { return bias_; }      // [out], or not defined()

 private:
  Param weight_, bias_;
};

/// The functional form: weight [out, in], bias [out] or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, at::ScalarType compute);

/// Several maps of one input as one product, which reads the input once: [..., in] -> [..., out] of each. All have a
/// bias or none has.
std::vector<Tensor> joint_linear(const Tensor& x, std::initializer_list<const Linear*> parts, at::ScalarType compute);

}  // namespace molmo::nn
