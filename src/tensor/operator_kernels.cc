// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "tensor/gemm.h"
#include "tensor/kernel_table.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/precision.h"

namespace molmo::tensor {
namespace operators {
namespace {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor wide = widened(x);
  const Tensor scaled = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return weight * scaled.to(x.scalar_type());
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return gemm_linear(x.to(weight.scalar_type()), weight, bias.defined() ? bias.to(weight.scalar_type()) : bias);
}

Tensor masked_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const int64_t repeats = q.size(1) / k.size(1);
  const auto added = bias.defined() ? std::optional<Tensor>(bias_as(bias, q.scalar_type())) : std::nullopt;
  return at::scaled_dot_product_attention(q, k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1), added);
}

// As products, so that no key or value is repeated for the queries that share it.
Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths) {
  const int64_t kv_heads = k.size(1), width = q.size(3);
  const Tensor queries = q.view({q.size(0), kv_heads, q.size(1) / kv_heads, width});  // [B, K, H/K, Dh]
  Tensor scores = widened(at::matmul(queries, k.transpose(2, 3))) / std::sqrt(static_cast<double>(width));
  if (lengths.defined()) {  // [B, K, H/K, Sk]
    const Tensor is_unseen = at::arange(k.size(2), lengths.options()) >= lengths.view({-1, 1, 1, 1});
    scores = scores.masked_fill(is_unseen, -std::numeric_limits<double>::infinity());
  }
  return at::matmul(at::softmax(scores, -1).to(v.scalar_type()), v).view(q.sizes());
}

std::tuple<Tensor, Tensor> packed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& segments) {
  const Tensor place = at::arange(segments.size(1), segments.options());
  const Tensor is_seen = (place.unsqueeze(0) <= place.unsqueeze(1))
                             .logical_and(segments.unsqueeze(1) >= segments.unsqueeze(2))
                             .logical_and((segments >= 0).unsqueeze(2));  // [B, S, S]
  const Tensor bias =
      at::zeros(is_seen.sizes(), q.options()).masked_fill_(is_seen.logical_not(), std::numeric_limits<float>::lowest());
  const Tensor is_real = (segments >= 0).unsqueeze(1).unsqueeze(3);  // [B, 1, S, 1]
  return {masked_attention(q, k, v, bias.unsqueeze(1)) * is_real, Tensor()};
}

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  const Tensor wide = widened(x);
  const std::vector<Tensor> halves = wide.chunk(2, -1);
  const Tensor rotated = at::concat({-halves[1], halves[0]}, -1);
  return (wide * cos + rotated * sin).to(x.scalar_type());
}

Tensor sigmoid_unit(const Tensor& x, double a, double b) {
  return x * at::sigmoid(b == 0.0 ? a * x : x * (a + b * x.square()));
}

Tensor swiglu(const Tensor& up, const Tensor& gate) { return at::silu(gate) * up; }

// The mixer of cpu/row_uniforms.cc in int64, whose products wrap around and whose shifts are masked.
Tensor mix(Tensor x) {
  const auto shifted = [](const Tensor& value, int64_t by) {
    return at::bitwise_and(at::bitwise_right_shift(value, at::Scalar(by)), (int64_t{1} << (64 - by)) - 1);
  };
  x = at::bitwise_xor(x, shifted(x, 30)) * static_cast<int64_t>(0xBF58476D1CE4E5B9u);
  x = at::bitwise_xor(x, shifted(x, 27)) * static_cast<int64_t>(0x94D049BB133111EBu);
  return at::bitwise_xor(x, shifted(x, 31));
}

Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count) {
  constexpr uint64_t kStride = 0x9E3779B97F4A7C15u;
  const Tensor start = mix(keys + static_cast<int64_t>(static_cast<uint64_t>(site) * kStride));
  const Tensor index = at::arange(count, keys.options()) * static_cast<int64_t>(kStride);
  const Tensor bits = mix(start.unsqueeze(-1) + index);
  constexpr int64_t kKept = (int64_t{1} << 24) - 1;
  return at::bitwise_and(at::bitwise_right_shift(bits, at::Scalar(40)), kKept).to(at::kFloat) * 0x1p-24;
}

}  // namespace
}  // namespace operators

Tensor bias_as(const Tensor& bias, at::ScalarType type) {
  static const double kLowestBFloat16 = static_cast<float>(std::numeric_limits<c10::BFloat16>::lowest());
  return (type == at::kBFloat16 ? bias.clamp_min(kLowestBFloat16) : bias).to(type);
}

const KernelTable& operator_kernels() {
  static constexpr KernelTable table{.rms_norm = operators::rms_norm,
                                     .linear = operators::linear,
                                     .decode_attention = operators::decode_attention,
                                     .packed_attention = operators::packed_attention,
                                     .rope = operators::rope,
                                     .sigmoid_unit = operators::sigmoid_unit,
                                     .swiglu = operators::swiglu,
                                     .row_uniforms = operators::row_uniforms};
  return table;
}

}  // namespace molmo::tensor
