// What a run records as it trains: metrics.jsonl (one line per step), TensorBoard events, the progress line.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <set>

#include "train/best_score.h"
#include "train/loss_evaluator.h"
#include "train/progress.h"
#include "train/step.h"

namespace molmo::train {

/// Times and counts of one step, beside its losses.
struct StepTimes {
  double seconds = 0.0, data_wait_seconds = 0.0;
  int64_t num_examples = 0, num_tokens = 0, num_crops = 0;  ///< tokens: useful ones, padding not counted
  double flops = 0.0;                ///< of forward and backward over all ranks, padding not counted (model/flops.h)
  double memory_bytes = 0.0;         ///< peak of a process, the largest over the ranks
  double device_memory_bytes = 0.0;  ///< peak of the tensors on a GPU, the largest over the ranks
  double save_seconds = 0.0;         ///< spent waiting for the checkpoint before this step, if there was one
};

class Monitor {
 public:
  /// Appends to RUN/metrics.jsonl and RUN/evaluations.jsonl. Lines of steps after `first_step` (of an interrupted run)
  /// are removed first, and so are incomplete lines, with a warning.
  Monitor(const std::filesystem::path& run, const config::TrainConfig& config, int num_ranks, int64_t first_step);
  ~Monitor();

  // Each record is in its file when record() returns: a reader may follow. Error where it cannot be written.

  void record(int64_t step, const StepResult& result, const StepTimes& times);
  void record(int64_t step, const EvaluatedLoss& loss);
  void record(int64_t step, const std::string& evaluation, const std::map<std::string, double>& scores);

  /// Nothing is recorded afterwards. Error: a file that turns out not to have been written in full.
  void close();

  /// The step with the best score by `keep_best`, if the recipe has one and it was measured.
  std::optional<int64_t> best_step() const { return best_ ? best_->step() : std::nullopt; }

  /// Keys of what is recorded of a step in RUN/evaluations.jsonl.
  std::set<std::string> evaluations_of(int64_t step) const;
  static std::string task_key(const std::string& name) { return "evaluation '" + name + "'"; }
  static std::string loss_key(const std::string& name) { return "loss evaluator '" + name + "'"; }

 private:
  struct Files;
  void append_evaluation(const Json& line);

  config::TrainConfig config_;
  int num_ranks_;
  std::unique_ptr<Files> files_;
  std::optional<BestScore> best_;
  ProgressLine progress_;
};

}  // namespace molmo::train
