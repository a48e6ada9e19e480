// Kernels that LibTorch does not have in the form the model needs, as a table per device. The CPU's are always there;
// the CUDA half (src/cuda) fills its table when it is opened. Callers use the functions of tensor/kernels.h, which
// choose.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tuple>

#include "tensor/tensor.h"

namespace molmo::tensor {

/// Kernels of one device. The arguments of a device's kernels are checked and laid out as their comments say; the front
/// sees to that, and to gradients. A null entry means that the device has no such kernel.
struct KernelTable {
  /// y = weight * round_to_dtype_of_x(x / sqrt(mean(x^2) + eps)), float32 inside. x: [..., D] float32 or bfloat16,
  /// weight: [D] float32, y: [..., D] float32; all dense.
  Tensor (*rms_norm)(const Tensor& x, const Tensor& weight, double eps) = nullptr;
  /// The gradients of x and of weight from y's; all dense.
  std::tuple<Tensor, Tensor> (*rms_norm_backward)(const Tensor& grad, const Tensor& x, const Tensor& weight,
                                                  double eps) = nullptr;

  /// y = x W^T + b in W's dtype (float32 or bfloat16) with float32 sums. x: [..., in], any of both dtypes, rounded to
  /// W's; weight: [out, in]; bias: [out] or undefined; y: [..., out]. For a few rows: the front calls it up to
  /// kMostKernelRows.
  Tensor (*linear)(const Tensor& x, const Tensor& weight, const Tensor& bias) = nullptr;

  /// softmax(q k^T / sqrt(Dh)) v of one query per sequence over its first lengths[b] keys, float32 inside. q: [B, H, 1,
  /// Dh]; k, v: [B, K, Sk, Dh] of any strides but a dense last axis; lengths: [B] int64 or undefined for all keys;
  /// result: [B, H, 1, Dh].
  Tensor (*decode_attention)(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths) = nullptr;

  /// softmax(q k^T / sqrt(Dh)) v in packed rows: a query sees the keys at its own place and before it whose segment is
  /// not below its own. q: [B, H, S, Dh]; k, v: [B, K, S, Dh], float32 of any strides but a dense last axis; segments:
  /// [B, S] int64, negative where there is padding, which is not seen and gets 0. Result: [B, H, S, Dh], and for the
  /// backward pass log(sum(exp(scores))) [B, H, S].
  std::tuple<Tensor, Tensor> (*packed_attention)(const Tensor& q, const Tensor& k, const Tensor& v,
                                                 const Tensor& segments) = nullptr;
  /// The gradients of q, k and v from that of `out`, which has a dense last axis.
  std::tuple<Tensor, Tensor, Tensor> (*packed_attention_backward)(const Tensor& grad, const Tensor& q, const Tensor& k,
                                                                  const Tensor& v, const Tensor& out,
                                                                  const Tensor& log_sums,
                                                                  const Tensor& segments) = nullptr;

  /// Rotates pairs (i, i + Dh/2) in float32. x: [B, heads, S, Dh] float32 or bfloat16 with a dense last axis; sin, cos:
  /// [B or 1, 1, S, Dh] float32, dense, both halves equal; result: of x's dtype. Its gradient rotates back.
  Tensor (*rope)(const Tensor& x, const Tensor& sin, const Tensor& cos) = nullptr;

  /// x sigmoid(a x + b x^3), float32 and dense: SiLU (a = 1, b = 0), QuickGELU (1.702, 0) and GELU's tanh form.
  Tensor (*sigmoid_unit)(const Tensor& x, double a, double b) = nullptr;
  Tensor (*sigmoid_unit_backward)(const Tensor& grad, const Tensor& x, double a, double b) = nullptr;

  /// silu(gate) * up. Both [..., F], float32 or bfloat16, rows of one distance, dense in themselves; result: dense.
  Tensor (*swiglu)(const Tensor& up, const Tensor& gate) = nullptr;
  /// The gradients of up and gate from a dense one, side by side: [..., 2F], as a fused projection wants them.
  Tensor (*swiglu_backward)(const Tensor& grad, const Tensor& up, const Tensor& gate) = nullptr;

  /// Numbers in [0, 1), multiples of 2^-24, that are functions of (key, site, index) alone. keys: [...] int64, dense;
  /// result: [..., count] float32.
  Tensor (*row_uniforms)(const Tensor& keys, int64_t site, int64_t count) = nullptr;
};

/// The kernels that run on the CPU.
const KernelTable& cpu_kernels();

/// The same functions by LibTorch's operators: any device, dtype and number of rows, with gradients. What kernels are
/// tested against.
const KernelTable& operator_kernels();

/// Makes `table` the kernels of CUDA tensors. Called once by device.cc, before any CUDA tensor exists.
void install_cuda_kernels(const KernelTable& table);

}  // namespace molmo::tensor
