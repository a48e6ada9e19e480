// Learning rates and clip limits as functions of the step. Facts: spec/training.md §1.4-1.5. Paper: [P §4] [P Table 6].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/train_config.h"

namespace molmo::train {

/// Linear warm-up, then a cosine to the floor. `step` counts from 1 at the first update; 0 is before it.
double learning_rate(const config::OptimizerConfig& optimizer, const config::ComponentConfig& component, int64_t step,
                     int64_t run_steps);

/// Limit of the gradient norm at update `step`. PARITY: the warm-up of the limit lags by one update, since the
/// reference clips before it refreshes the limit; the first update uses the base value.
double clip_limit(const config::OptimizerConfig& optimizer, double base, int64_t step);

}  // namespace molmo::train
