// Skips steps whose loss or gradient norm is an outlier among the last hundred, before they change weights: one corrupt
// batch can undo many steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace molmo::train {

class SpikeGuard {
 public:
  /// Moving mean and variance of a quantity over about the last hundred good steps.
  struct Track {
    double mean = 0.0, variance = 0.0;
    bool operator==(const Track&) const = default;
  };
  struct State {
    int64_t num_steps = 0;
    Track loss, gradient_norm;
    bool operator==(const State&) const = default;
  };

  /// `sigmas`: how far from the mean a step may lie; 0 lets every finite step pass.
  explicit SpikeGuard(double sigmas) : sigmas_(sigmas) {}

  /// Whether the step may change weights; the statistics take in those that may. The first steps of a run always may.
  bool admits(double loss, double gradient_norm);

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  bool stands_out(const Track& track, double value) const;

  double sigmas_;
  State state_;
};

}  // namespace molmo::train
