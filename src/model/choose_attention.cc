// SPDX-License-Identifier: Apache-2.0
#include "model/choose_attention.h"

#include <limits>

#include "base/check.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

// PARITY: masked scores get the lowest finite float32, so that fully masked rows stay finite.
constexpr float kMasked = std::numeric_limits<float>::lowest();

// [S, past + S]: the slots up to the query's own.
Tensor causal(int64_t size, int64_t past, const at::Device& device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  return at::arange(past + size, options).unsqueeze(0) <= at::arange(past, past + size, options).unsqueeze(1);
}

Tensor bias_from(const Tensor& allowed) {
  return at::zeros(allowed.sizes(), allowed.options().dtype(at::kFloat)).masked_fill_(allowed.logical_not(), kMasked);
}

// A GPU is not asked what its tokens are: it would have to finish first.
bool may_hold_padding(const Tensor& ids, const RowLayout& layout) {
  if (layout.sequences != nullptr) return layout.sequences->is_padding.defined();
  return !ids.is_cpu() || (ids == -1).any().item<bool>();
}

// Later passes: a query sees what its row holds, and the new tokens up to itself. Padding behind the last of several
// new tokens is in nobody's sight.
nn::CachedKeys cached_keys(const Tensor& ids, const nn::KvCache& cache, bool keeps_probabilities,
                           const tensor::SequenceKernel* kernel) {
  const int64_t fresh = ids.size(1), longest = cache.longest_after();
  if (kernel != nullptr && !keeps_probabilities) {
    const Tensor& lengths = cache.lengths_after();
    const Tensor ends = fresh == 1 ? lengths : at::full_like(lengths, longest);  // the last query's, padding or not
    return {.rows = std::make_shared<tensor::SequenceCall>(
                tensor::plan_cache(ends, cache.keys(0).size(1), cache.capacity(), fresh, longest)),
            .kernel = kernel};
  }
  if (fresh > 1) return {.bias = bias_from(causal(fresh, cache.longest(), ids.device()))};
  if (cache.is_even()) return {};
  if (!keeps_probabilities) return {.lengths = cache.lengths_after()};
  const Tensor slots = at::arange(longest, ids.options());
  return {.bias = bias_from((slots < cache.lengths_after().unsqueeze(1)).view({ids.size(0), 1, 1, longest}))};
}

// The square of a pass, written out.
Tensor dense_bias(const Tensor& ids, const Tensor& segments) {
  const Tensor real = ids != -1;                                                                      // [B, S]
  Tensor allowed = causal(ids.size(1), 0, ids.device()).unsqueeze(0).logical_and(real.unsqueeze(1));  // [B, S, S]
  if (segments.defined()) {
    const Tensor visible = segments.unsqueeze(2) <= segments.unsqueeze(1);  // query's id <= key's id (trap T18)
    allowed = allowed.logical_and(visible).logical_and(real.unsqueeze(2));
  }
  const Tensor bias = bias_from(allowed.unsqueeze(1));  // [B, 1, S, S]
  tap("decoder.attention_bias", bias);
  return bias;
}

}  // namespace

nn::AttentionContext choose_attention(const config::DecoderConfig& config, const Tensor& ids, const RowLayout& layout,
                                      nn::KvCache* cache, const ForwardOptions& options) {
  const bool keeps_probabilities = options.dropout.attention > 0 || config.direct_attention;
  const tensor::SequenceKernel* kernel = tensor::sequence_kernel(ids.device(), options.compute, config.head_dim());
  if (cache != nullptr && cache->longest() > 0) {
    MOLMO_CHECK(!layout.segments.defined(), "packed rows have no cache");
    return {.keys = cached_keys(ids, *cache, keeps_probabilities, kernel), .cache = cache};
  }
  // Right padding comes after every real query, so plain causality is enough, unless someone looks at padded positions.
  const bool sees_padding = taps_are_heard() || (options.router_losses != nullptr && may_hold_padding(ids, layout));
  if (!sees_padding && !keeps_probabilities) {
    if (kernel != nullptr && layout.sequences != nullptr)
      return {.keys = nn::SequenceKeys{.plan = layout.sequences, .kernel = kernel}, .cache = cache};
    if (layout.segments.defined() && tensor::has_packed_attention(ids.device(), options.compute))
      return {.keys = nn::SegmentKeys{at::where(ids == -1, -1, layout.segments)}, .cache = cache};
  }
  if (!layout.segments.defined() && !sees_padding) return {.keys = nn::DenseKeys{.is_causal = true}, .cache = cache};
  return {.keys = nn::DenseKeys{.bias = dense_bias(ids, layout.segments)}, .cache = cache};
}

}  // namespace molmo::model
