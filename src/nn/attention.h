// Scaled dot-product attention over grouped heads, and what a query may see.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "tensor/sequence_attention.h"

namespace molmo::nn {

/// Which keys a query sees. The first that is set counts: `sequences`; `segments`, as KernelTable::packed_attention has
/// them; `bias` (additive, broadcast to [B, heads, Sq, Sk]); `is_causal`. None: all keys.
struct AttentionMask {
  bool is_causal = false;
  Tensor bias = {};                                            // [B, 1, Sq, Sk] or undefined
  Tensor segments = {};                                        // [B, S] or undefined
  std::shared_ptr<const tensor::SequencePlan> sequences = {};  // of a GPU
};

/// What happens to the probabilities. Any of it costs the fused kernel.
struct SoftmaxOptions {
  bool in_float32 = false;  ///< scores and softmax in float32, whatever the heads are
  double dropout = 0.0;
  Tensor dropout_keys;  // [B, Sq] int64, and the place that draws; needed where dropout > 0
  int64_t site = 0;
};

/// softmax(q k^T / sqrt(Dh) + bias) v. Query head j uses key/value head j / (heads / kv_heads).
/// q [B, heads, Sq, Dh], k and v [B, kv_heads, Sk, Dh] -> [B, Sq, heads * Dh], in the dtype of q.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionMask& mask,
              const SoftmaxOptions& softmax = {});

/// attend() without a mask for windows with one query and a few keys, as sums in float32: q [M, heads, 1, Dh], k and v
/// [M, kv_heads, w, Dh] -> [M, 1, heads * Dh]. A GPU's flash attention pads each query to 128 of them, 75 MB in its
/// backward for a crop's 144 windows, whose places no longer fit into 32 bits from 114 crops on.
Tensor attend_windows(const Tensor& q, const Tensor& k, const Tensor& v);

/// [B, S, heads * Dh] -> [B, heads, S, Dh] (a view).
Tensor split_heads(const Tensor& x, int64_t num_heads);

}  // namespace molmo::nn
