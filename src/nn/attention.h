// Scaled dot-product attention over grouped heads. What a query may see, and where keys and values lie, is one value
// that is decided once per pass (model/choose_attention.h) and read here alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <variant>

#include "nn/kv_cache.h"
#include "tensor/sequence_attention.h"

namespace molmo::nn {

/// The keys of the pass itself: all of them, those up to the query, or as an additive bias says.
struct DenseKeys {
  bool is_causal = false;
  Tensor bias = {};  // [B, 1, Sq, Sk] or undefined
};

/// Those of a packed row, as KernelTable::packed_attention has them.
struct SegmentKeys {
  Tensor segments;  // [B, S] int64
};

/// Rows cut into sequences, packed or not, each of which attends to itself and to what it sees before it. Padding
/// attends to nothing.
struct SequenceKeys {
  std::shared_ptr<const tensor::SequencePlan> plan;
  const tensor::SequenceKernel* kernel = nullptr;
};

/// Those that the context's cache holds after the pass, causally, in the form that the device's kernel takes. The first
/// that is set counts; none: every query sees all slots in use.
struct CachedKeys {
  std::shared_ptr<const tensor::SequenceCall> rows = {};  // a sequence for each row and head of the cache
  const tensor::SequenceKernel* kernel = nullptr;         // for `rows`
  Tensor bias = {};                                       // [Sq, Sk] or [B, 1, 1, Sk], additive
  Tensor lengths = {};                                    // [B] int64: the slots that the only query of a row sees
};

/// How the queries of one pass attend. A paged cache is one more kind of keys, with the tables of its pages.
struct AttentionContext {
  std::variant<DenseKeys, SegmentKeys, SequenceKeys, CachedKeys> keys = DenseKeys{};
  KvCache* cache = nullptr;  ///< takes the keys and values of the pass first, whatever is seen; none: they are not kept
};

/// Of one layer. What happens to the probabilities costs the fused kernels.
struct AttentionOptions {
  int64_t layer = 0;        ///< its place in the cache
  bool in_float32 = false;  ///< scores and softmax in float32, whatever the heads are
  double dropout = 0.0;
  Tensor dropout_keys = {};  // [B, Sq] int64, and the place that draws; needed where dropout > 0
  int64_t site = 0;

  bool keeps_probabilities() const { return in_float32 || dropout > 0; }
};

/// softmax(q k^T / sqrt(Dh) + bias) v. Query head j uses key/value head j / (heads / kv_heads).
/// q [B, heads, Sq, Dh], k and v [B, kv_heads, Sk, Dh] -> [B, Sq, heads * Dh], in the dtype of q. k and v are those of
/// the pass: cached ones are the context's.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionContext& context = {},
              const AttentionOptions& options = {});

/// attend() to all keys for windows with one query and a few keys, as sums in float32: q [M, heads, 1, Dh], k and v
/// [M, kv_heads, w, Dh] -> [M, 1, heads * Dh]. A GPU's flash attention pads each query to 128 of them, 75 MB in its
/// backward for a crop's 144 windows, whose places no longer fit into 32 bits from 114 crops on.
Tensor attend_windows(const Tensor& q, const Tensor& k, const Tensor& v);

/// [B, S, heads * Dh] -> [B, heads, S, Dh] (a view).
Tensor split_heads(const Tensor& x, int64_t num_heads);

}  // namespace molmo::nn
