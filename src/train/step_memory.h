// What a rank of a sharded run needs for a step, before any of it is taken: whether whole gradients fit beside it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/train_config.h"
#include "tensor/run_unit.h"

namespace molmo::train {

/// Bytes at the worst moment of a step. An estimate from shapes: nothing is measured.
struct StepMemory {
  double state = 0;        ///< the rank's shards, with gradients and moments
  double units = 0;        ///< units that are gathered, and gradients of those that have just run backward
  double activations = 0;  ///< what forward keeps for backward, and the logits of a chunk
  double gradients = 0;    ///< whole gradients, kept from one micro-batch to the next
  double total() const { return state + units + activations + gradients; }
};

/// `units` are the model's, whose values (on the meta device or not) tell their sizes and what trains; `num_shards`:
/// ranks that share the model.
StepMemory plan_step(const config::TrainConfig& config, const std::vector<Unit>& units, int num_shards,
                     at::ScalarType compute);

/// Bytes that this process may take: of its GPU, or of what is available of the host's memory, which `num_local`
/// processes share.
double available_bytes(const at::Device& device, int num_local);

}  // namespace molmo::train
