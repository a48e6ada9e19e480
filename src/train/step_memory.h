// Estimates the memory of a step of a sharded run before any of it is allocated: it decides whether unsharded gradients
// are kept until the last micro-batch (sharding.defer_reduction).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "config/train_config.h"
#include "tensor/run_unit.h"

namespace molmo::train {

/// Peak bytes of a step by part, estimated from shapes; nothing is measured.
struct StepMemory {
  double state = 0;            ///< the rank's shards of weights and moments
  double shard_gradients = 0;  ///< its shards of gradients
  double units = 0;            ///< gathered units, and gradients of those that have just run backward
  double activations = 0;      ///< saved for backward, and the logits of a chunk
  double gradients = 0;        ///< unsharded gradients, kept from one micro-batch to the next
  /// As backward goes on, shards of gradients take the place of activations.
  double total() const { return state + units + std::max(activations, shard_gradients) + gradients; }
};

/// `units` are the model's, whose values (on the meta device or not) tell their sizes and what trains; `num_shards`:
/// ranks that share the model.
StepMemory plan_step(const config::TrainConfig& config, const std::vector<Unit>& units, int num_shards,
                     at::ScalarType compute);

/// Bytes available to this process: of its GPU, or its share of the host's available memory among `num_local`
/// processes.
double available_bytes(const at::Device& device, int num_local);

}  // namespace molmo::train
