// Training speed, with random weights and data.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/train_config.h"
#include "tensor/tensor.h"
#include "train/unit_times.h"

namespace molmo::train {

struct TrainBenchOptions {
  config::ModelConfig model;
  at::ScalarType compute = at::kFloat;
  int64_t num_rows = 1, num_tokens = 512;  ///< of a row, image tokens included; the text's are the loss's
  int64_t num_crops = 2;                   ///< of a row
  config::RecomputeConfig recompute;
  int num_steps = 5;            ///< after one that warms up; the best of them counts
  bool varies_lengths = false;  ///< steps take rows of half to all of num_tokens, each of another length
};

struct TrainSpeed {
  double step_seconds = 0.0;     ///< forward, backward, clipping, AdamW of all parameters; the fastest step
  double slowest_seconds = 0.0;  ///< the slowest step: a shape that had to be planned for, memory that had to be found
  double tokens_per_s = 0.0;     ///< of the fastest step
  double flops_per_s = 0.0;      ///< of the model (model/flops.h), in the fastest step: recomputation is not counted
  int64_t peak_bytes = 0;        ///< of tensors alive in a step, weights, gradients and moments included
  int64_t reserved_bytes = 0;    ///< what the allocator of a GPU took from it for them; 0 on a CPU
};

/// Needs `num_crops` crops' image tokens to fit the row.
TrainSpeed measure_train_speed(const TrainBenchOptions& options, at::Device device);

/// Where the time of one forward and backward pass goes, without recomputation.
std::vector<UnitTime> measure_unit_times(const TrainBenchOptions& options, at::Device device);

}  // namespace molmo::train
