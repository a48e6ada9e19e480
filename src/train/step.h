// One update: micro-batches forward and backward under one global divisor, clip, AdamW.
// Facts: spec/training.md §2.1, §4.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "model/molmo.h"
#include "train/adamw.h"
#include "train/clip.h"
#include "train/objective.h"

namespace molmo::train {

/// What one update did.
struct StepResult {
  double cross_entropy = 0.0, z_loss = 0.0, accuracy = 0.0;  ///< weighted means over the global batch
  double load_balancing = 0.0, router_z = 0.0;               ///< means over the micro-batches, weighted
  double weight_sum = 0.0;                                   ///< the divisor
  ClipResult clip;
  bool is_skipped = false;  ///< no loss token in the batch, or a loss or gradient that is not finite: weights unchanged
};

/// Accumulates gradients over the micro-batches of a global batch. Every micro-batch is divided by the weight sum of
/// all, so the split does not change the result beyond rounding.
StepResult accumulate(const Objective& objective, std::span<const MicroBatch> batches,
                      const model::ForwardOptions& forward);

/// accumulate(), clip, and update with the learning rates of `step` (counted from 1); gradients are freed at the end.
StepResult train_step(const Objective& objective, AdamW& optimizer, std::span<const MicroBatch> batches, int64_t step,
                      int64_t run_steps, const model::ForwardOptions& forward);

}  // namespace molmo::train
