// Weighted cross-entropy and z-loss over response tokens. Facts: spec/training.md §2. Paper: [P App. A.3].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::train {

/// Per-position results, each already times its weight, zero where the weight is not positive.
struct TokenLosses {
  Tensor cross_entropy;  // [M] float32
  Tensor z_loss;         // [M] float32; undefined without z-loss
  Tensor accuracy;       // [M] float32: weight where the most probable class is the label
};

/// A position whose weight is <= 0 (prompt, image, padding) contributes nothing, whatever its label. Logits are widened
/// to float32.
TokenLosses token_losses(const Tensor& logits, const Tensor& labels, const Tensor& weights,
                         double z_loss_scale);  // [M, V], [M] int64, [M] float

/// Sum of the positive weights: the divisor of the loss over a global batch.
double weight_sum(const Tensor& weights);  // [...] float

}  // namespace molmo::train
