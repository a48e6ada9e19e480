// What a run tells while it goes: metrics.jsonl (one line per step), TensorBoard events, the progress line.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "train/progress.h"
#include "train/step.h"

namespace molmo::train {

/// Times and counts of one step, beside its losses.
struct StepTimes {
  double seconds = 0.0, data_wait_seconds = 0.0;
  int64_t num_examples = 0, num_tokens = 0, num_crops = 0;  ///< tokens: useful ones, padding not counted
};

class Monitor {
 public:
  /// Appends to RUN/metrics.jsonl; lines of steps after `first_step` (an interrupted run) are cut first.
  Monitor(const std::filesystem::path& run, const config::TrainConfig& config, int64_t first_step);
  ~Monitor();

  void record(int64_t step, const StepResult& result, const StepTimes& times);

 private:
  struct Files;
  config::TrainConfig config_;
  std::unique_ptr<Files> files_;
  ProgressLine progress_;
};

}  // namespace molmo::train
