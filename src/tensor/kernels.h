// Kernels that LibTorch does not have in the form the model needs. One table per device; kernels() gives the front that
// looks at the tensor's device. The CPU twins are always there; the CUDA half (src/cuda) fills its table when it is
// opened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::tensor {

/// Forward kernels of one device. Their arguments are checked and contiguous, and no gradient is wanted: the front sees
/// to all three. A null entry means that the device has no such kernel.
struct KernelTable {
  /// y = weight * round_to_dtype_of_x(x / sqrt(mean(x^2) + eps)), float32 inside. x: [..., D] float32 or bfloat16,
  /// weight: [D] float32, y: [..., D] float32.
  Tensor (*rms_norm)(const Tensor& x, const Tensor& weight, double eps) = nullptr;

  /// y = x W^T + b in W's dtype (float32 or bfloat16) with float32 sums. x: [..., in], any of both dtypes, rounded to
  /// W's; weight: [out, in]; bias: [out] or undefined; y: [..., out]. For a few rows: the front takes it up to
  /// kMostMatvecRows.
  Tensor (*matvec)(const Tensor& x, const Tensor& weight, const Tensor& bias) = nullptr;

  /// softmax(q k^T / sqrt(Dh) + bias) v of one query per sequence, float32 inside. q: [B, H, 1, Dh]; k, v: [B, K, Sk,
  /// Dh] of any strides but a dense last axis; bias: [B, 1, 1, Sk] float32 or undefined; result: [B, H, 1, Dh].
  Tensor (*decode_attention)(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) = nullptr;

  /// Rotates pairs (i, i + Dh/2) in float32. x: [B, heads, S, Dh] float32 or bfloat16; sin, cos: [B or 1, 1, S, Dh]
  /// float32; result: contiguous, of x's dtype.
  Tensor (*rope)(const Tensor& x, const Tensor& sin, const Tensor& cos) = nullptr;

  /// x = [up; gate] -> silu(gate) * up. x: [..., 2F] float32 or bfloat16; result: [..., F].
  Tensor (*swiglu)(const Tensor& x) = nullptr;
};

/// Beyond these rows a matrix product shares its reads of the weights better.
inline constexpr int64_t kMostMatvecRows = 4;

/// An additive mask in another dtype. In bfloat16 its -inf becomes the lowest number, so that rows that are masked
/// throughout stay finite there.
Tensor bias_as(const Tensor& bias, at::ScalarType type);

/// The front, to call from everywhere: `kernels().rms_norm(x, weight, eps)`. It takes the kernel of x's device, and
/// LibTorch's operators where there is none, where a gradient is wanted, or for another dtype.
const KernelTable& kernels();

/// The kernels that run on the CPU.
const KernelTable& cpu_kernels();

/// The same functions by LibTorch's operators: any device and dtype, with gradients. What kernels are tested against.
const KernelTable& operator_kernels();

/// Makes `table` the kernels of CUDA tensors. Called once by device.cc, before any CUDA tensor exists.
void install_cuda_kernels(const KernelTable& table);

}  // namespace molmo::tensor
