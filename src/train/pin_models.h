// The models that a recipe starts from, downloaded once for all ranks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/train_config.h"
#include "distributed/communicator.h"

namespace molmo::train {

/// Resolves the hub models that a recipe names to their commits, which the other ranks then find in the cache without a
/// request: rank 0 asks the hub, then the first rank of each machine looks whether its cache has them.
/// Downloads may take hours; a rank that is lost meanwhile is noticed as during a step. A `run` that can go on needs
/// none of them. A collective: an error on one rank is an error on all.
config::TrainConfig pin_models(config::TrainConfig config, const std::filesystem::path& run,
                               const distributed::Rank& rank, distributed::Communicator& everyone);

/// Gives `now` the commits that a run began with, where the recipe names the same model without one.
void keep_pins(const config::TrainConfig& before, config::TrainConfig& now);

}  // namespace molmo::train
