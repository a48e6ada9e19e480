// Dropout of the decoder's branches, everywhere or at response positions only. Facts: spec/training.md §1.8.
//
// A mask is a function of the example, the position in it, the step and the place in the model, not of a generator's
// state: padding, micro-batches, ranks and recomputation draw the same.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::nn {

/// What a forward pass drops. The default drops nothing (evaluation).
struct DropoutState {
  double residual = 0.0;  ///< everywhere
  double response = 0.0;  ///< where > 0: at response positions, `residual` elsewhere
  Tensor is_response;     // [B, S] bool; needed where response > 0
  double embedding = 0.0, attention = 0.0, features = 0.0;
  uint64_t seed = 0;  ///< of the step
  Tensor token_keys;  // [B, S] int64, a stream of random numbers each; needed where the decoder drops something
  Tensor crop_keys;   // [C] int64; needed where features > 0

  bool is_off() const { return residual + response + embedding + attention + features == 0.0; }
};

/// Places that draw masks: each draws its own.
enum class BlockSite { kProbabilities, kAttention, kFeedForward, kCount };
inline constexpr int64_t kEmbeddingSite = 0, kFeatureSite = 1;
constexpr int64_t block_site(int layer, BlockSite which) {
  return 2 + int64_t{layer} * static_cast<int64_t>(BlockSite::kCount) + static_cast<int64_t>(which);
}

/// Keys of tokens or crops from their streams, which number them over the whole run.
Tensor dropout_keys(const Tensor& streams, uint64_t seed);  // [...] int64 -> [...] int64

/// The state of some tokens alone: they draw what they draw among all.
DropoutState dropout_of(const DropoutState& state,
                        const Tensor& tokens);  // [M] int64 into B*S -> [M] in place of [B, S]

/// Drops elements of a branch output and rescales the rest by the position's own keep probability.
Tensor drop_residual(const Tensor& x, const DropoutState& state, int64_t site);  // [B, S, D] or [M, D] -> same

/// Plain dropout with probability `p`; the leading axes of x are those of `keys`.
Tensor drop(const Tensor& x, double p, const Tensor& keys, int64_t site);  // [..., n], [...] int64 -> [..., n]

/// The same for attention probabilities, whose keys are those of the queries.
Tensor drop_probabilities(const Tensor& x, double p, const Tensor& keys,
                          int64_t site);  // [B, H, Sq, Sk], [B, Sq] -> [B, H, Sq, Sk]

}  // namespace molmo::nn
