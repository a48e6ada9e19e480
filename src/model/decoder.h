// Decoder-only language model: embeddings, blocks, final norm, head. Facts: spec/model.md §2.8-2.13.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "model/choose_attention.h"
#include "model/decoder_block.h"
#include "tensor/linear_cross_entropy.h"

namespace molmo::model {

class Decoder {
 public:
  Decoder(const config::DecoderConfig& config, ParamScope scope);

  /// Token embeddings alone; ids of -1 take row 0. Ids from embedding_size on are rows of the new-token table.
  Tensor embed(const Tensor& ids) const;  // [B, S] int64 -> [B, S, D]

  /// Blocks and final norm over embeddings with image features in place; learned positions and the embedding scale are
  /// applied here. The cache, if there is one, holds the tokens afterwards; positions continue where it ends. Gives [M,
  /// D] where the options keep some tokens.
  Tensor operator()(const Tensor& embeddings, const Tensor& ids, const Tensor& positions, const RowLayout& layout,
                    nn::KvCache* cache, const ForwardOptions& options) const;  // [B,S,D], 2 x [B,S] -> [B,S,D]

  Tensor head(const Tensor& hidden, at::ScalarType compute) const;  // [..., D] -> [..., V]

  /// The head's cross-entropy over rows, without whole logits.
  tensor::CrossEntropySums head_loss(const Tensor& hidden, const Tensor& labels, const Tensor& weights,
                                     const tensor::CrossEntropyOptions& options) const;  // [M, D], [M], [M]

  std::vector<Unit> units() const;  ///< embedding, positions, blocks, norm, head; a tied head is the embedding

  const config::DecoderConfig& config() const { return config_; }

 private:
  double logit_divisor() const;
  Tensor enter(const Tensor& embeddings, const Tensor& positions, const nn::KvCache* cache,
               const ForwardOptions& options) const;  // [B,S,D] -> same

  config::DecoderConfig config_;
  Param embedding_, new_embedding_, positions_;  // the last two only where the model has them
  std::vector<DecoderBlock> blocks_;
  nn::Norm final_norm_;
  nn::Linear head_;  // without parameters where the head is tied
  Unit embedding_unit_, positions_unit_, norm_unit_, head_unit_;
};

/// Positions of right-padded rows: max(cumsum(ids != -1) - 1, 0).
Tensor derive_positions(const Tensor& ids);  // [B, S] -> [B, S]

}  // namespace molmo::model
