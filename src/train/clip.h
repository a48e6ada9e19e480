// Gradient norms and clipping by component or over all. Facts: spec/training.md §1.5. Paper: [P App. A.3] [P Table
// 15c].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "tensor/tensor.h"
#include "train/groups.h"
#include "train/schedule.h"

namespace molmo::train {

/// Norms before clipping and what clipping did.
struct ClipResult {
  double total_norm = 0.0;
  std::array<double, 3> norms{};                 ///< by Component
  std::array<double, 3> factors{1.0, 1.0, 1.0};  ///< what the gradients were multiplied by
  double clipping_rate = 0.0;                    ///< parameter tensors in clipped groups / those in groups with a limit
};

/// Squared gradient norms by Component, on the gradients' device. A parameter without gradient counts as 0.
Tensor squared_norms(const std::vector<ParamGroup>& groups);  // -> [3] float64

/// Scales the gradients in place by min(1, limit / (norm + 1e-6)). `squares` are the values of squared_norms(),
/// summed over the ranks that hold slices.
ClipResult clip_gradients(const std::vector<ParamGroup>& groups, const std::array<double, 3>& squares,
                          const config::OptimizerConfig& optimizer, int64_t step);

}  // namespace molmo::train
