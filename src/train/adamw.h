// AdamW over parameter groups: decoupled decay, float32 moments, each parameter with its own step count.
// Facts: spec/training.md §1.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "train/groups.h"

namespace molmo::train {

class AdamW {
 public:
  AdamW(std::vector<ParamGroup> groups, config::OptimizerConfig config);

  /// One update with the learning rates of `step` (counted from 1). A parameter without gradient is skipped altogether:
  /// no decay, no moments, its step count stays (as PyTorch does; a tower that saw no picture must not decay).
  void update(int64_t step, int64_t run_steps);

  void clear_gradients();  ///< frees the gradients

  const std::vector<ParamGroup>& groups() const { return groups_; }
  const config::OptimizerConfig& config() const { return config_; }

  /// The state as named tensors: "<parameter>.exp_avg", ".exp_avg_sq", ".step" (a float scalar).
  std::map<std::string, Tensor> state() const;

  /// Restores a state. Errors: an entry that is missing, extra or has another shape names the parameter.
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  struct Moments {
    Tensor exp_avg, exp_avg_sq, step;
  };
  std::vector<ParamGroup> groups_;
  config::OptimizerConfig config_;
  std::map<std::string, Moments> moments_;  // of parameters that were updated at least once
};

}  // namespace molmo::train
