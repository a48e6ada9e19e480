// Evaluations during a run: losses on held-out data, and scores of tasks that the model answers. An evaluation
// runs once at each step at which it is due; one that a signal or a crash has interrupted runs again on resume.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "train/monitor.h"
#include "train/trained_model.h"
#include "train/trainer.h"

namespace molmo::train {

/// What an evaluation needs of a run. All references must outlive it.
struct EvaluatedRun {
  const config::TrainConfig& config;
  const text::MolmoTokenizer& tokenizer;
  TrainedModel& model;
  distributed::Communicator& everyone;
  at::ScalarType compute;
  at::Device device;
  const Evaluate& evaluate;
};

class Evaluations {
 public:
  explicit Evaluations(const EvaluatedRun& run) : run_(run) {}

  /// Whether any is due at `step`.
  bool is_any_due(int64_t step) const;

  /// Runs those that are due at `step` and that `monitor` has no record of. Every rank calls it; rank 0 has a monitor,
  /// which takes the results. One that fails is logged, and the run goes on: a broken
  /// test picture must not end days of training. Throws an Interruption on all ranks where
  /// one is asked to stop.
  void make_due(int64_t step, Monitor* monitor);

 private:
  void measure_loss(int64_t step, const std::string& name, Monitor* monitor);
  void answer_tasks(int64_t step, const std::string& name, Monitor* monitor);
  std::map<std::string, double> scores_of(const config::EvaluationConfig& evaluation);

  EvaluatedRun run_;
};

}  // namespace molmo::train
