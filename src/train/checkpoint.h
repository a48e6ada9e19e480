// Checkpoints of a run: RUN/step000100/{model-*.safetensors, optim-*.safetensors, state.json, manifest.json}.
// Each rank of a sharded run writes the slices that it holds (formats/slices.h), and one process is the case of one
// shard. The manifest is written last and makes a step complete (step_folders.h). A step folder is also a model folder,
// and any number of ranks can go on from it. Facts: design in docs/training.md, docs/sharding.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <vector>

#include "distributed/sharded_params.h"
#include "formats/step_folders.h"
#include "tensor/param_set.h"
#include "train/adamw.h"
#include "train/spike_guard.h"

namespace molmo::train {

/// Where a run stands; everything else (order, templates, dropout) follows from the recipe and these counters.
struct TrainState {
  int64_t step = 0;                   ///< updates done
  int64_t examples_seen = 0;          ///< images drawn from the mixture
  SpikeGuard::State guard;            ///< what earlier steps looked like
  std::vector<int64_t> num_bad = {};  ///< examples left out so far, by rank
  int64_t num_bad_steps = 0;          ///< in a row, up to this one
  bool operator==(const TrainState&) const = default;
};

/// How many examples rank `rank` of `size` counts as left out when it resumes from `state`: its own number, or an even
/// share of the total where the number of ranks has changed.
int64_t num_bad_of(const TrainState& state, int rank, int size);

/// What a checkpoint holds. Parameters that are no part of the model (the tower's classifier) lie in the optimizer
/// file, so that the model file is that of a model folder.
struct CheckpointContent {
  ParamSet* model = nullptr;
  ParamSet* extra = nullptr;  ///< or null
  AdamW* optimizer = nullptr;
  distributed::Communicator* everyone = nullptr;  ///< or null: one process
  distributed::ShardedParams* sharded = nullptr;  ///< or null: the parameters hold their values
};

/// Copies of weights and moments on the CPU, by name.
using SnapshotBuffers = std::map<std::string, Tensor>;

/// Writes checkpoints asynchronously: save() copies the values to buffers of its own and returns, a thread writes them.
/// The buffers are kept for the next save, since faulting in fresh pages costs more than the copy. Every rank has one
/// and makes the same calls.
class CheckpointSaver {
 public:
  /// Adds files of its own to a step folder, on rank 0 (the model's configuration and tokenizer).
  using AddFiles = std::function<void(const std::filesystem::path& folder)>;

  /// Keeps the newest `keep` complete steps. `timeout`: for all ranks' files.
  CheckpointSaver(std::filesystem::path run, int keep, distributed::Communicator& everyone,
                  std::chrono::seconds timeout, AddFiles add_files);
  ~CheckpointSaver();  ///< waits for its thread, and drops the error of a save that nobody has waited for
  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;

  /// Waits for the previous save, copies, and returns. Errors are those of the previous save.
  void save(const CheckpointContent& content, const TrainState& state);

  /// Blocks until the last save is complete. Errors: a file that cannot be written; a rank that is lost.
  void wait();

  /// Throws the error of the last save if it has ended with one; does not wait.
  void check();

  /// Whether a save is being written.
  bool is_writing() const;

 private:
  std::filesystem::path run_;
  int keep_;
  distributed::Communicator& everyone_;
  AddFiles add_files_;
  SnapshotBuffers buffers_;                           // of the save in progress, or of the last one
  std::unique_ptr<distributed::Communicator> group_;  // the thread's own
  std::future<void> writing_;
};

/// Writes RUN/step... and waits until it is complete.
void save_checkpoint(const std::filesystem::path& run, const CheckpointContent& content, const TrainState& state,
                     int keep);

/// Loads a step into `content`. Errors name the file and every tensor that does not fit.
TrainState load_checkpoint(const std::filesystem::path& step_folder, const CheckpointContent& content);

}  // namespace molmo::train
