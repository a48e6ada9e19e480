// Decoder-only language model: pre-norm (Qwen2) or post-norm with q/k norms (OLMo), GQA, RoPE, SwiGLU.
// Facts: spec/model.md §2.8-2.13.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/model_config.h"
#include "model/forward_options.h"
#include "model/kv_cache.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "tensor/run_unit.h"

namespace molmo::model {

/// What every block of one forward pass shares.
struct BlockContext {
  nn::RopeTables rope;      // [B, 1, S, Dh]
  nn::AttentionMask mask;   // bias [B, 1, S, Sk] or causal
  KvCache* cache = nullptr;
  ForwardOptions options;
};

/// One transformer block with fused projections, as in the released checkpoints.
class DecoderBlock {
 public:
  DecoderBlock(const config::DecoderConfig& config, int index, ParamScope scope);
  Tensor operator()(const Tensor& x, const BlockContext& context) const;  // [B, S, D] -> same
  const Unit& unit() const { return unit_; }

 private:
  Tensor attention(const Tensor& x, const BlockContext& context) const;      // [B, S, D] -> same
  Tensor feed_forward(const Tensor& x, at::ScalarType compute) const;        // [B, S, D] -> same
  void tap_first(const char* name, const Tensor& value) const;               // block 0 announces its parts

  config::DecoderConfig config_;
  int index_;
  nn::Norm attn_norm_, ff_norm_, q_norm_, k_norm_;
  nn::Linear att_proj_, attn_out_, ff_proj_, ff_out_;
  Unit unit_;
};

class Decoder {
 public:
  Decoder(const config::DecoderConfig& config, ParamScope scope);

  /// Token embeddings; ids of -1 take row 0. Ids from embedding_size on are rows of the new-token table.
  Tensor embed(const Tensor& ids) const;  // [B, S] int64 -> [B, S, D]

  /// Blocks and final norm. Without a cache `ids` gives the mask; with one, positions continue where it ends.
  Tensor operator()(const Tensor& embeddings, const Tensor& ids, const Tensor& positions, const Tensor& subsegments,
                    KvCache* cache, const ForwardOptions& options) const;  // [B,S,D], 3 x [B,S] -> [B,S,D]

  Tensor head(const Tensor& hidden, at::ScalarType compute) const;  // [..., D] -> [..., V]

  const config::DecoderConfig& config() const { return config_; }

 private:
  nn::AttentionMask attention_mask(const Tensor& ids, const Tensor& subsegments, const KvCache* cache) const;

  config::DecoderConfig config_;
  Param embedding_, new_embedding_;
  std::vector<DecoderBlock> blocks_;
  nn::Norm final_norm_;
  nn::Linear head_;
  Unit embedding_unit_, norm_unit_, head_unit_;
};

/// Positions of right-padded rows: max(cumsum(ids != -1) - 1, 0).
Tensor derive_positions(const Tensor& ids);  // [B, S] -> [B, S]

}  // namespace molmo::model
