// Training speed, with random weights and data.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "train/bench_run.h"

namespace molmo::train {

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

/// Units of one kind: all blocks of the tower, all of the decoder, or a single one.
struct UnitTime {
  std::string name;  ///< with a * in place of a block's number
  int count = 0;
  double forward_seconds = 0.0, backward_seconds = 0.0;  ///< of all of them
};

/// Where the time of one forward and backward pass goes, without recomputation.
std::vector<UnitTime> measure_unit_times(const TrainBenchOptions& options, at::Device device);

}  // namespace molmo::train
