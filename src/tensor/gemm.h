// Matrix products, by whichever of LibTorch's libraries is the fast one on this processor: at::linear takes MKL for
// float32, which has slow code for AMD's AVX-512 cores, where oneDNN does twice as much.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::tensor {

/// x W^T + b, of one dtype, with float32 sums where that is bfloat16. With gradients.
/// x [..., in], weight [out, in], bias [out] or undefined -> [..., out]
Tensor gemm_linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// a b, for backward passes written by hand; not differentiable. a [m, k], b [k, n] -> [m, n]
Tensor gemm(const Tensor& a, const Tensor& b);

}  // namespace molmo::tensor
