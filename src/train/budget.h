// What a training step asks of a GPU, counted from the operators that run on a simulated one (simulate/gpu.h), and how
// long that should take on a machine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "simulate/machine.h"
#include "simulate/timeline.h"
#include "train/bench_run.h"

namespace molmo::train {

/// Sums over operators.
struct Effort {
  int64_t num_launches = 0;
  double bytes = 0.0;                                     ///< read and written, each operand once
  double flops = 0.0;                                     ///< of products and attention
  double seconds = 0.0;                                   ///< on the machine, one operator after another
  double product_seconds = 0.0, attention_seconds = 0.0;  ///< of them
  int64_t num_host_waits = 0;                             ///< the host waits for the GPU
};

/// Units of one kind, or a part of the step outside of units.
struct PartBudget {
  std::string name;
  int count = 0;
  Effort forward, backward;  ///< of all of them together
};

struct CollectiveBudget {
  int64_t count = 0;
  double bytes = 0.0;    ///< sent by one rank
  double seconds = 0.0;  ///< on the machine, whether something hides them or not
};

struct Budget {
  std::vector<PartBudget> parts;                        ///< without sharding and recomputation
  std::map<std::string, Effort> operators;              ///< of the step, by name
  Effort total;                                         ///< of the step, with both
  std::map<std::string, CollectiveBudget> collectives;  ///< by kind and group size
  simulate::Times times;                                ///< of the step
  double model_flops = 0.0;   ///< of a rank's rows, by model/flops.h: recomputation is not counted
  double tokens_per_s = 0.0;  ///< of a rank
  double mfu = 0.0;
  int64_t peak_bytes = 0;  ///< of tensors, moments included
};

struct BudgetOptions {
  TrainBenchOptions step;  ///< of one rank: a micro-batch each
  int num_ranks = 1;       ///< step.sharding.replicas divides them
  simulate::Machine machine;
};

/// Simulates steps of one rank; the process has not opened the CUDA half, and cannot open it any more.
Budget make_budget(const BudgetOptions& options);

}  // namespace molmo::train
