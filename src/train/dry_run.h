// What a run would be, for the person who decides whether to start it: `molmo train --dry-run`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "train/trainer.h"

namespace molmo::train {

/// Checks recipe, data, model and lengths as a run does, and describes it on a few lines: model, datasets with their
/// epochs, one decoded example, optimizer, steps, device, memory of each of `num_ranks` ranks, checkpoints and disk.
/// Weights are not read and nothing is written. Errors: those of train() up to its first step. What is seldom meant is
/// logged as a warning.
std::string describe_run(const config::TrainConfig& config, const RunOptions& options, int num_ranks);

}  // namespace molmo::train
