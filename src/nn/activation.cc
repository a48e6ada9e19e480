// SPDX-License-Identifier: Apache-2.0
#include "nn/activation.h"

#include "base/check.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::nn {

Tensor activate(const Tensor& x, config::Activation activation) {
  switch (activation) {
    case config::Activation::kQuickGelu:
      return x * at::sigmoid(1.702 * x);
    case config::Activation::kGelu:
      return at::gelu(x);
    case config::Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case config::Activation::kSilu:
      return at::silu(x);
    case config::Activation::kRelu:
      return at::relu(x);
  }
  MOLMO_CHECK(false, "unknown activation");
}

Tensor swiglu(const Tensor& up, const Tensor& gate) { return tensor::kernels().swiglu(up, gate); }

Tensor swiglu_fused(const Tensor& x) {
  MOLMO_CHECK(x.dim() >= 1 && x.size(-1) % 2 == 0, "swiglu: an odd width");
  const std::vector<Tensor> halves = x.chunk(2, -1);  // [..., F] up, [..., F] gate
  return swiglu(halves[0], halves[1]);
}

}  // namespace molmo::nn
