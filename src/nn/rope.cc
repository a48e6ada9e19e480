// SPDX-License-Identifier: Apache-2.0
#include "nn/rope.h"

#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::nn {

RopeTables rope_tables(const Tensor& positions, int64_t head_dim, double theta) {
  const at::NoGradGuard no_grad;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(positions.device());
  const Tensor exponents = at::arange(0, head_dim, 2, options) / static_cast<double>(head_dim);  // [Dh/2]
  const Tensor inverse_frequencies = 1.0 / at::pow(theta, exponents);                            // [Dh/2]
  const Tensor half = positions.to(at::kFloat).unsqueeze(-1) * inverse_frequencies;              // [..., Dh/2]
  const Tensor angles = at::concat({half, half}, -1);                                            // [..., Dh]
  return {angles.sin(), angles.cos()};
}

Tensor apply_rope(const Tensor& x, const RopeTables& tables) { return tensor::rope(x, tables.sin, tables.cos); }

}  // namespace molmo::nn
