// The model's own operators: each takes the kernel of its tensors' device (tensor/kernel_table.h), and LibTorch's
// operators where there is none, where a gradient is needed and the kernel has no backward, or for other dtypes. With
// gradients.
//   y = tensor::rms_norm(x, weight, 1e-6);
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tuple>

#include "tensor/tensor.h"

namespace molmo::tensor {

/// weight * round_to_dtype_of_x(x / sqrt(mean(x^2) + eps)), float32 inside. x: [..., D], weight: [D]; result: [..., D]
/// float32.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);

/// x W^T + b in W's dtype with float32 sums. x: [..., in]; weight: [out, in]; bias: [out] or undefined; result: [...,
/// out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// Attention of one query per sequence over its first lengths[b] keys: softmax(q k^T / sqrt(Dh)) v. q: [B, H, 1, Dh];
/// k, v: [B, K, Sk, Dh]; lengths: [B] int64, from 1 to Sk, or undefined for all keys; result: [B, H, 1, Dh].
Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths);

/// Causal attention within the segments of packed rows. q: [B, H, S, Dh]; k, v: [B, K, S, Dh]; segments: [B, S] int64,
/// negative where there is padding. Result: [B, H, S, Dh], and log(sum(exp(scores))) [B, H, S] where no gradient is
/// wanted, else undefined.
std::tuple<Tensor, Tensor> packed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& segments);

/// Rotary position embedding in float32: rotates pairs (i, i + Dh/2). x: [B, heads, S, Dh]; sin, cos: [B or 1, 1, S,
/// Dh]; result: of x's shape and dtype.
Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos);

/// x sigmoid(a x + b x^3): SiLU (a = 1, b = 0), QuickGELU (1.702, 0) and GELU's tanh form.
Tensor sigmoid_unit(const Tensor& x, double a, double b);

/// silu(gate) * up. Both [..., F].
Tensor swiglu(const Tensor& up, const Tensor& gate);

/// The same of one tensor that holds up, then gate, whose gradient is made as one, too: [..., 2F] -> [..., F].
Tensor swiglu_fused(const Tensor& x);

/// Numbers in [0, 1), multiples of 2^-24, that are functions of (key, site, index) alone. keys: [...] int64; result:
/// [..., count] float32.
Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count);

/// Up to this many rows linear() uses a kernel of its own, which is bound by reading the weights. With more rows a GEMM
/// is faster: it reads each weight once for all of them.
inline constexpr int64_t kMostKernelRows = 4;

/// An additive mask in another dtype. In bfloat16 its -inf becomes the lowest number, so that rows that are masked
/// throughout stay finite there.
Tensor bias_as(const Tensor& bias, at::ScalarType type);

/// Whether packed_attention has a kernel for this device and dtype. If not, build the mask once per forward pass rather
/// than in every layer.
bool has_packed_attention(at::Device device, at::ScalarType type);

/// Whether its kernel is also the faster one for plain causal rows: where LibTorch's uses slow products (linear.h), and
/// there is enough to do that it matters. q: [B, H, S, Dh]
bool prefers_packed_attention(const Tensor& q);

/// While one exists, operators on this thread choose kernels as if gradients were enabled. Activation checkpointing
/// needs it: the first forward runs without gradients, the recomputation with them, and both must give the same bits.
class ScopedBackwardKernels {
 public:
  ScopedBackwardKernels();
  ~ScopedBackwardKernels();
  ScopedBackwardKernels(const ScopedBackwardKernels&) = delete;
  ScopedBackwardKernels& operator=(const ScopedBackwardKernels&) = delete;

 private:
  bool before_;
};

/// Whether kernels without a backward must not be used on this thread now.
bool needs_backward_kernels();

}  // namespace molmo::tensor
