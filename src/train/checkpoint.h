// Checkpoints of a run: RUN/step000100/{model-*.safetensors, optim-*.safetensors, state.json, manifest.json}.
// Each rank of a sharded run writes the slices that it holds (formats/slices.h), and one process is the case of one
// shard. The manifest is written last and makes a step complete; `RUN/latest` names the newest complete one. A step
// folder is also a model folder, and any number of ranks can go on from it. Facts: design in docs/training.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/molmo_config.h"
#include "dist/sharded_params.h"
#include "tensor/param_set.h"
#include "train/adamw.h"
#include "train/spike_guard.h"

namespace molmo::train {

/// Where a run stands; everything else (order, templates, dropout) follows from the recipe and these counters.
struct TrainState {
  int64_t step = 0;           ///< updates done
  int64_t examples_seen = 0;  ///< images drawn from the mixture
  SpikeGuard::State guard;    ///< what earlier steps looked like
  bool operator==(const TrainState&) const = default;
};

/// What a checkpoint holds. Parameters that are no part of the model (the tower's classifier) lie in the optimizer
/// file, so that the model file is that of a model folder.
struct CheckpointContent {
  ParamSet* model = nullptr;
  ParamSet* extra = nullptr;  ///< or null
  AdamW* optimizer = nullptr;
  dist::Communicator* everyone = nullptr;  ///< or null: one process
  dist::ShardedParams* sharded = nullptr;  ///< or null: the parameters hold their values
};

/// "step000100"
std::string step_folder_name(int64_t step);

/// Writes RUN/step..., its manifest last, then `latest`; removes older complete steps beyond `keep`, never the newest.
/// Every rank calls it.
void save_checkpoint(const std::filesystem::path& run, const CheckpointContent& content, const TrainState& state,
                     int keep);

/// Steps of a run whose manifest is there and whose files have the sizes it names, ascending.
std::vector<int64_t> complete_steps(const std::filesystem::path& run);

/// Takes a step back into `content`. Errors name the file and every tensor that does not fit.
TrainState load_checkpoint(const std::filesystem::path& step_folder, const CheckpointContent& content);

}  // namespace molmo::train
