// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.h"

#include <cmath>
#include <numbers>

namespace molmo::train {

double learning_rate(const config::OptimizerConfig& optimizer, const config::ComponentConfig& component, int64_t step,
                     int64_t run_steps) {
  const double peak = component.learning_rate, floor = optimizer.final_fraction * peak;
  const double start = optimizer.warmup_min_lr.value_or(0.1 * peak);
  const int64_t warmup = component.warmup_steps, end = optimizer.decay_steps.value_or(run_steps);
  if (step < warmup) return start + (peak - start) * static_cast<double>(step) / static_cast<double>(warmup);
  if (step >= end) return floor;
  // PARITY: pi times the step first, then the division: near the end the order shows.
  const double angle = std::numbers::pi * static_cast<double>(step - warmup) / static_cast<double>(end - warmup);
  return floor + (peak - floor) * (1.0 + std::cos(angle)) / 2.0;
}

double clip_limit(const config::OptimizerConfig& optimizer, double base, int64_t step) {
  const bool warming = step > 1 && step - 1 <= optimizer.clip_warmup_steps;
  return warming ? base * optimizer.clip_warmup_factor : base;
}

}  // namespace molmo::train
