// SPDX-License-Identifier: Apache-2.0
#include "nn/attention.h"

#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::nn {
namespace {

// [B, K, S, Dh] -> [B, H, S, Dh]: every key/value head serves H/K consecutive query heads.
Tensor repeat_kv_heads(const Tensor& x, int64_t num_heads) {
  const int64_t repeats = num_heads / x.size(1);
  if (repeats == 1) return x;
  return x.unsqueeze(2).expand({x.size(0), x.size(1), repeats, x.size(2), x.size(3)}).reshape({x.size(0), num_heads, x.size(2), x.size(3)});
}

}  // namespace

Tensor split_heads(const Tensor& x, int64_t num_heads) {
  return x.view({x.size(0), x.size(1), num_heads, x.size(2) / num_heads}).transpose(1, 2);
}

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionMask& mask) {
  expect_shape("attend: k", k, {q.size(0), kAnySize, kAnySize, q.size(3)});
  expect_shape("attend: v", v, {q.size(0), k.size(1), k.size(2), q.size(3)});
  const auto bias = mask.bias.defined() ? std::optional<Tensor>(mask.bias.to(q.scalar_type())) : std::nullopt;
  const Tensor out = at::scaled_dot_product_attention(q, repeat_kv_heads(k, q.size(1)), repeat_kv_heads(v, q.size(1)), bias,
                                                      /*dropout_p=*/0.0, /*is_causal=*/!bias && mask.is_causal);  // [B, H, Sq, Dh]
  return out.transpose(1, 2).reshape({q.size(0), q.size(2), q.size(1) * q.size(3)});
}

}  // namespace molmo::nn
