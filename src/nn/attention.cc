// SPDX-License-Identifier: Apache-2.0
#include "nn/attention.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "nn/dropout.h"
#include "tensor/device.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/precision.h"
#include "tensor/shape.h"

namespace molmo::nn {
namespace {

// [B, K, S, Dh] -> [B, H, S, Dh]: every key/value head serves H/K consecutive query heads.
Tensor repeat_kv_heads(const Tensor& x, int64_t num_heads) {
  const int64_t repeats = num_heads / x.size(1);
  if (repeats == 1) return x;
  return x.unsqueeze(2)
      .expand({x.size(0), x.size(1), repeats, x.size(2), x.size(3)})
      .reshape({x.size(0), num_heads, x.size(2), x.size(3)});
}

// On a CPU the fused kernel is slow in bfloat16 (measured: a block of 65 tokens and 32-wide heads trains 1.8 times
// faster as two matrix products and a softmax), and short sequences gain nothing from its memory savings.
bool prefers_products(const Tensor& q, const Tensor& k) {
  constexpr int64_t kMostScores = int64_t{1} << 26;
  return q.is_cpu() && q.scalar_type() == at::kBFloat16 && q.size(0) * q.size(1) * q.size(2) * k.size(2) <= kMostScores;
}

// Rows without padding before a query, none of which is cached.
bool is_plain_causal(const Tensor& q, const Tensor& k, const DenseKeys& keys) {
  return keys.is_causal && !keys.bias.defined() && q.size(2) == k.size(2);
}

// [B, H, S, Dh] -> [B, S, H Dh]
Tensor join_heads(const Tensor& x) { return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)}); }

Tensor causal_bias(int64_t queries, int64_t keys, const at::TensorOptions& options) {
  return at::full({queries, keys}, -std::numeric_limits<double>::infinity(), options).triu_(keys - queries + 1);
}

// softmax(q k^T / sqrt(Dh) + bias) v: [B, H, Sq, Dh]. The product is rounded to the heads' dtype as it comes; the
// softmax reads that, sums in float32 and rounds once more, so a float32 copy of the scores is made only where it is
// asked for.
Tensor attend_by_products(const Tensor& q, const Tensor& k, const Tensor& v, const DenseKeys& mask,
                          const AttentionOptions& options) {
  const at::ScalarType type = options.in_float32 ? at::kFloat : q.scalar_type();
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  Tensor scores = at::matmul(q.to(type) * scale, k.to(type).transpose(-2, -1));  // [B, H, Sq, Sk]
  if (mask.bias.defined()) {
    scores.add_(tensor::bias_as(mask.bias, type));
  } else if (mask.is_causal) {
    scores.add_(causal_bias(q.size(2), k.size(2), scores.options()));
  }
  const Tensor probs = drop_probabilities(at::softmax(scores, -1), options.dropout, options.dropout_keys, options.site);
  return at::matmul(probs.to(v.scalar_type()), v);
}

// q [B, H, Sq, Dh], k and v [B, K, Sk, Dh] -> [B, H, Sq, Dh]
Tensor attend_to(const DenseKeys& mask, const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
  const bool keeps_probabilities = options.keeps_probabilities();
  if (q.size(2) == 1 && !mask.is_causal && !mask.bias.defined() && !keeps_probabilities &&
      !tensor::needs_backward_kernels())
    return tensor::decode_attention(q, k, v, /*lengths=*/{});
  if (is_plain_causal(q, k, mask) && !keeps_probabilities && tensor::prefers_packed_attention(q)) {
    const Tensor one_segment = at::zeros({q.size(0), q.size(2)}, at::kLong);
    return std::get<0>(tensor::packed_attention(q, k, v, one_segment));
  }
  // Flash attention of a GPU lets query heads share those of keys and values.
  const bool shares_heads = q.is_cuda() && !mask.bias.defined() && !keeps_probabilities;
  const Tensor keys = shares_heads ? k : repeat_kv_heads(k, q.size(1)),
               values = shares_heads ? v : repeat_kv_heads(v, q.size(1));  // [B, H or K, Sk, Dh]
  const auto fused = [&] {
    const auto bias =
        mask.bias.defined() ? std::optional<Tensor>(tensor::bias_as(mask.bias, q.scalar_type())) : std::nullopt;
    return at::scaled_dot_product_attention(q, keys, values, bias, /*dropout_p=*/0.0,
                                            /*is_causal=*/!bias && mask.is_causal, /*scale=*/std::nullopt,
                                            /*enable_gqa=*/shares_heads && k.size(1) != q.size(1));
  };
  if (q.is_cpu() && q.scalar_type() == at::kBFloat16 && !tensor::is_fast_at_bfloat16(q.device())) {
    // Emulated bfloat16 products would be ten times slower than this, which rounds less.
    return attend_to(mask, q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), options).to(at::kBFloat16);
  }
  const bool by_products = keeps_probabilities || prefers_products(q, keys);
  return by_products ? attend_by_products(q, keys, values, mask, options) : fused();
}

Tensor attend_to(const CachedKeys& seen, const KvCache& cache, const Tensor& q, const AttentionOptions& options) {
  if (seen.rows != nullptr)
    return tensor::attend_cache(q, cache.keys(options.layer), cache.values(options.layer), *seen.rows, *seen.kernel);
  const auto [k, v] = cache.held(options.layer);  // [B, K, Sk, Dh]
  const bool one_sees_all = q.size(2) == 1 && !seen.bias.defined() && !options.keeps_probabilities();
  if (one_sees_all) return tensor::decode_attention(q, k, v, seen.lengths);
  return attend_to(DenseKeys{.is_causal = false, .bias = seen.bias}, q, k, v, options);
}

}  // namespace

Tensor attend_windows(const Tensor& q, const Tensor& k, const Tensor& v) {
  expect_shape("attend_windows: q", q, {k.size(0), kAnySize, 1, k.size(3)});
  expect_shape("attend_windows: v", v, {k.size(0), k.size(1), k.size(2), k.size(3)});
  const Tensor keys = repeat_kv_heads(widened(k), q.size(1)), values = repeat_kv_heads(widened(v), q.size(1));
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const Tensor scores = (widened(q) * keys).sum(-1) * scale;                     // [M, H, w]
  const Tensor mixed = (at::softmax(scores, -1).unsqueeze(-1) * values).sum(2);  // [M, H, Dh]
  return mixed.to(q.scalar_type()).flatten(1).unsqueeze(1);
}

Tensor split_heads(const Tensor& x, int64_t num_heads) {
  return x.view({x.size(0), x.size(1), num_heads, x.size(2) / num_heads}).transpose(1, 2);
}

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionContext& context,
              const AttentionOptions& options) {
  expect_shape("attend: k", k, {q.size(0), kAnySize, kAnySize, q.size(3)});
  expect_shape("attend: v", v, {q.size(0), k.size(1), k.size(2), q.size(3)});
  if (context.cache != nullptr) context.cache->store(options.layer, k, v);
  if (const auto* dense = std::get_if<DenseKeys>(&context.keys)) return join_heads(attend_to(*dense, q, k, v, options));
  if (const auto* cached = std::get_if<CachedKeys>(&context.keys)) {
    MOLMO_CHECK(context.cache != nullptr, "cached keys without a cache");
    return join_heads(attend_to(*cached, *context.cache, q, options));
  }
  MOLMO_CHECK(!options.keeps_probabilities(), "packed attention has no probabilities to round or drop");
  if (const auto* segments = std::get_if<SegmentKeys>(&context.keys))
    return join_heads(std::get<0>(tensor::packed_attention(q, k, v, segments->segments)));
  const auto& sequences = std::get<SequenceKeys>(context.keys);
  return join_heads(tensor::attend_sequences(q, k, v, sequences.plan, *sequences.kernel));
}

}  // namespace molmo::nn
