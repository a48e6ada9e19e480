// SPDX-License-Identifier: Apache-2.0
#include "nn/activation.h"

#include "base/check.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::nn {

namespace {
// GELU's tanh form is x sigmoid(2u) of u = sqrt(2 / pi) (x + 0.044715 x^3).
constexpr double kGeluSlope = 1.5957691216057308, kGeluCubic = 0.044715 * kGeluSlope;
}  // namespace

// Elsewhere LibTorch's operators are kernels themselves, and in bfloat16 they round as the reference does.
Tensor activate(const Tensor& x, config::Activation activation) {
  const bool has_kernel = x.is_cpu() && x.scalar_type() == at::kFloat;
  switch (activation) {
    case config::Activation::kQuickGelu:
      return tensor::sigmoid_unit(x, 1.702, 0.0);
    case config::Activation::kGelu:
      return at::gelu(x);
    case config::Activation::kGeluTanh:
      return has_kernel ? tensor::sigmoid_unit(x, kGeluSlope, kGeluCubic) : at::gelu(x, "tanh");
    case config::Activation::kSilu:
      return has_kernel ? tensor::sigmoid_unit(x, 1.0, 0.0) : at::silu(x);
    case config::Activation::kRelu:
      return at::relu(x);
  }
  MOLMO_CHECK(false, "unknown activation");
}

Tensor swiglu(const Tensor& up, const Tensor& gate) { return tensor::swiglu(up, gate); }

Tensor swiglu_fused(const Tensor& x) { return tensor::swiglu_fused(x); }

}  // namespace molmo::nn
