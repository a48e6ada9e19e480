// One update: micro-batches forward and backward under one global divisor, clip, AdamW.
// Facts: spec/training.md §2.1, §4.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>

#include "distributed/sharded_params.h"
#include "model/molmo.h"
#include "train/adamw.h"
#include "train/clip.h"
#include "train/objective.h"
#include "train/spike_guard.h"

namespace molmo::train {

/// What one update did.
struct StepResult {
  double cross_entropy = 0.0, z_loss = 0.0, accuracy = 0.0;  ///< weighted means over the global batch
  double load_balancing = 0.0, router_z = 0.0;               ///< means over the micro-batches, weighted
  double weight_sum = 0.0;                                   ///< the divisor
  ClipResult clip;
  /// Weights unchanged: no loss token in the batch, or a loss or gradient that is not finite or stands out.
  bool is_skipped = false;
};

/// The ranks that train one model together; by default one process that holds it whole.
struct Ranks {
  distributed::Communicator* everyone = nullptr;
  distributed::ShardedParams* sharded = nullptr;  ///< null: the optimizer's parameters are the model's own
  UnitRunner* recomputing = nullptr;              ///< of a model that is held whole; null: nothing is recomputed
};

/// Accumulates gradients over the micro-batches of a global batch. Each loss is divided by the weight sum of the whole
/// global batch, not of its micro-batch, so neither the split into micro-batches nor the number of ranks changes the
/// result beyond rounding. All ranks pass the same number of batches, some of which may be Objective::nothing(). Losses
/// of the result are this rank's share.
StepResult accumulate(const Objective& objective, std::span<const MicroBatch> batches,
                      const model::ForwardOptions& forward, const Ranks& ranks = {},
                      const std::function<bool()>& gives_up = {});

struct StepOptions {
  int64_t step = 1, run_steps = 1;  ///< counted from 1, of so many: the learning rates follow
  model::ForwardOptions forward;
  Ranks ranks;
  SpikeGuard* guard = nullptr;  ///< null: every finite step changes weights
  /// Polled between micro-batches, on every rank. If it returns true anywhere, the step is abandoned with an
  /// Interruption and weights stay as they were. Empty: never.
  std::function<bool()> gives_up = {};
};

/// accumulate(), clip, and update; gradients are freed at the end. The result is that of all ranks.
StepResult train_step(const Objective& objective, AdamW& optimizer, std::span<const MicroBatch> batches,
                      const StepOptions& options);

}  // namespace molmo::train
