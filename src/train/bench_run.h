// What the benchmarks of training run: a model of random values and steps of random data.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/flops.h"
#include "train/trained_model.h"

namespace molmo::train {

struct TrainBenchOptions {
  config::ModelConfig model;
  at::ScalarType compute = at::kFloat;
  int64_t num_rows = 1, num_tokens = 512;  ///< of a row, image tokens included; the text's are the loss's
  int64_t num_crops = 2;                   ///< of a row
  bool drops = false;                      ///< a tenth of the decoder's residual branches [P Table 6]
  config::RecomputeConfig recompute;
  config::ShardingConfig sharding;
  int num_steps = 5;            ///< after one that warms up; the best of them counts
  bool varies_lengths = false;  ///< steps take rows of half to all of num_tokens, each of another length
};

/// A micro-batch of `length` tokens a row. Error: rows without room for the crops' image tokens.
MicroBatch random_batch(const TrainBenchOptions& options, int64_t length, at::Device device);

/// What it makes the model do.
model::PassWork work_of(const MicroBatch& batch, const TrainBenchOptions& options);

/// A model of random values with its optimizer, and how its steps are made.
struct BenchRun {
  TrainedModel model;
  StepOptions step;

  /// `everyone` outlives it.
  BenchRun(const TrainBenchOptions& options, at::Device device, distributed::Communicator& everyone);

  StepResult run(const MicroBatch& batch);
};

}  // namespace molmo::train
