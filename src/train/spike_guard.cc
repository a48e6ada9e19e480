// SPDX-License-Identifier: Apache-2.0
#include "train/spike_guard.h"

#include <algorithm>
#include <cmath>

namespace molmo::train {
namespace {

constexpr int64_t kLearningSteps = 50;
constexpr double kMemory = 100.0;  // steps

void learn(SpikeGuard::Track& track, double value, int64_t num_steps) {
  const double weight = 1.0 / std::min(kMemory, static_cast<double>(num_steps));
  const double difference = value - track.mean;
  track.mean += weight * difference;
  track.variance = (1.0 - weight) * (track.variance + weight * difference * difference);
}

}  // namespace

bool SpikeGuard::stands_out(const Track& track, double value) const {
  if (sigmas_ <= 0.0 || state_.num_steps < kLearningSteps) return false;
  return value - track.mean > sigmas_ * std::sqrt(track.variance);
}

bool SpikeGuard::admits(double loss, double gradient_norm) {
  if (!std::isfinite(loss) || !std::isfinite(gradient_norm)) return false;
  if (stands_out(state_.loss, loss) || stands_out(state_.gradient_norm, gradient_norm)) return false;
  ++state_.num_steps;
  learn(state_.loss, loss, state_.num_steps);
  learn(state_.gradient_norm, gradient_norm, state_.num_steps);
  return true;
}

}  // namespace molmo::train
