// recompute.auto: which activations are computed again in backward, so that a step fits in memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/train_config.h"
#include "tensor/run_unit.h"

namespace molmo::train {

/// What a step's estimate may take of the memory: the rest is for what it leaves out, and for gaps between blocks.
inline constexpr double kMostMemoryUse = 0.85;

/// From nothing to all, in the order of what an amount of memory costs: the tower's blocks first, whose activations are
/// the largest for their arithmetic, then the connector, then the decoder's blocks.
const std::vector<config::RecomputeConfig>& recompute_choices();

/// The first of recompute_choices() with which plan_step() fits in `available` bytes, gradients reduced after every
/// micro-batch; the last if none does. Returns its index.
size_t choose_recompute(const config::TrainConfig& config, const std::vector<Unit>& units, int num_shards,
                        at::ScalarType compute, double available);

/// "nothing", "every 2nd block of the tower", "all blocks of the tower, the connector, every 4th block of the decoder"
std::string recompute_text(const config::RecomputeConfig& recompute);

}  // namespace molmo::train
