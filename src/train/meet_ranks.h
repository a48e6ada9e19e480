// The rendezvous of a training run: every rank says what it was started with, and the run begins only if that is the
// same everywhere. Ranks with different recipes, programs or data would train without an error, and the model would be
// that of none of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/train_config.h"
#include "distributed/communicator.h"
#include "train/trainer.h"

namespace molmo::train {

/// What must be the same on all ranks when they meet: the program, every key of the recipe, what the paths of data and
/// weights lead to (sizes, and what is in small files), dtype and kind of device, --resume and --out. Not: the paths
/// themselves, which may lead to copies on a machine's own disk, and the keys that change no result (data.num_workers,
/// data.prefetch_batches).
distributed::Facts start_facts(const config::TrainConfig& config, const RunOptions& options);

/// What must be the same once the model of `init_from` is known: every key of the resolved recipe, and the tokenizer.
distributed::Facts resolved_facts(const config::TrainConfig& config);

/// Meets the other ranks. Error, on all of them and before anything is written: they differ in start_facts().
std::unique_ptr<distributed::Communicator> meet_ranks(const config::TrainConfig& config, const RunOptions& options);

}  // namespace molmo::train
