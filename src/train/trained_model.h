// The model of a run with its objective and optimizer: whole in one process, or sharded over the ranks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/train_config.h"
#include "model/weights.h"
#include "tensor/recompute.h"
#include "train/checkpoint.h"
#include "train/step.h"

namespace molmo::train {

class TrainedModel {
 public:
  /// Builds the model on the meta device, marks what trains, and shards it where there are several ranks. Nothing is
  /// read yet. `everyone` outlives it.
  TrainedModel(const config::TrainConfig& config, at::Device device, distributed::Communicator& everyone);

  /// Values from the folders that the recipe names, and fresh ones for what they lack. A rank reads, draws and keeps
  /// its slices only.
  void init_weights(const config::TrainConfig& config);

  /// Instead of init_weights(): allocates memory for the values of a checkpoint.
  void allocate();

  /// Where initial values go: into the rank's slices, of which it reads no more than it keeps, or to the device.
  model::WeightSink sink();

  const model::Molmo& molmo() const { return molmo_; }
  ParamSet& params() { return molmo_.params(); }
  const Objective& objective() const { return *objective_; }
  AdamW& optimizer() { return *optimizer_; }
  Ranks ranks() { return {.everyone = &everyone_, .sharded = sharded_.get(), .recomputing = recomputing_.get()}; }
  std::vector<Unit> units() const;
  bool has_cell_labels() const { return tower_ != nullptr; }
  CheckpointContent content();

 private:
  void make_objective(const config::TrainConfig& config);
  void shard(const config::TrainConfig& config);
  double available_memory() const;
  config::TrainConfig with_recompute(const config::TrainConfig& config) const;
  bool agree_to_defer(const config::TrainConfig& config, const std::vector<Unit>& units, int num_shards) const;
  std::vector<ParamSet*> param_sets();

  at::Device device_;
  distributed::Communicator& everyone_;
  model::Molmo molmo_;
  std::unique_ptr<Objective> objective_;
  TowerObjective* tower_ = nullptr;  // objective_, if this is stage 0
  std::unique_ptr<distributed::Communicator> shard_group_, replica_group_;
  std::unique_ptr<distributed::ShardedParams> sharded_;
  std::unique_ptr<RecomputingRunner> recomputing_;  // where the model is whole and something is recomputed
  std::unique_ptr<AdamW> optimizer_;
};

}  // namespace molmo::train
