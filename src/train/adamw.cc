// SPDX-License-Identifier: Apache-2.0
#include "train/adamw.h"

#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "train/schedule.h"

namespace molmo::train {
namespace {
constexpr const char* kExpAvg = ".exp_avg";
constexpr const char* kExpAvgSq = ".exp_avg_sq";
constexpr const char* kStep = ".step";
}  // namespace

AdamW::AdamW(std::vector<ParamGroup> groups, config::OptimizerConfig config)
    : groups_(std::move(groups)), config_(std::move(config)) {}

void AdamW::update(int64_t step, int64_t run_steps) {
  const at::NoGradGuard no_grad;
  for (const ParamGroup& group : groups_) {
    const config::ComponentConfig& component = component_config(config_, group.component);
    std::vector<Tensor> values, gradients, exp_avgs, exp_avg_sqs, steps;
    for (const Parameter* param : group.params) {
      if (!param->value.grad().defined()) continue;
      // Moments exist from the first gradient on, and their step count with them: bias correction is each parameter's
      // own.
      Moments& moments = moments_[param->name];
      if (!moments.step.defined()) {
        moments = {at::zeros_like(param->value), at::zeros_like(param->value),
                   at::zeros({}, param->value.options().dtype(at::kFloat))};
      }
      values.push_back(param->value);
      gradients.push_back(param->value.grad());
      exp_avgs.push_back(moments.exp_avg);
      exp_avg_sqs.push_back(moments.exp_avg_sq);
      steps.push_back(moments.step);
    }
    if (values.empty()) continue;
    at::_foreach_add_(steps, 1.0);
    at::_fused_adamw_(values, gradients, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps,
                      learning_rate(config_, component, step, run_steps), component.betas[0], component.betas[1],
                      group.weight_decay, component.eps, /*amsgrad=*/false, /*maximize=*/false);
  }
}

void AdamW::clear_gradients() {
  for (const ParamGroup& group : groups_) {
    for (Parameter* param : group.params) param->value.mutable_grad() = Tensor();
  }
}

std::map<std::string, Tensor> AdamW::state() const {
  std::map<std::string, Tensor> state;
  for (const auto& [name, moments] : moments_) {
    state[name + kExpAvg] = moments.exp_avg;
    state[name + kExpAvgSq] = moments.exp_avg_sq;
    state[name + kStep] = moments.step;
  }
  return state;
}

void AdamW::load_state(const std::map<std::string, Tensor>& state) {
  std::map<std::string, Moments> loaded;
  size_t num_used = 0;
  for (const ParamGroup& group : groups_) {
    for (const Parameter* param : group.params) {
      const auto take = [&](const char* suffix, IntArrayRef shape) {
        const auto found = state.find(param->name + suffix);
        if (found == state.end())
          throw Error(fmt::format("[checkpoint] optimizer state of {} has no '{}'", param->name, suffix + 1));
        if (found->second.sizes() != shape) {
          throw Error(fmt::format("[checkpoint] optimizer state {}{}: got shape {}, expected {}", param->name, suffix,
                                  format_shape(found->second.sizes()), format_shape(shape)));
        }
        ++num_used;
        return found->second.to(param->value.device(), at::kFloat, /*non_blocking=*/false, /*copy=*/true);
      };
      if (!state.contains(param->name + kStep)) continue;  // never had a gradient
      loaded[param->name] = {take(kExpAvg, param->value.sizes()), take(kExpAvgSq, param->value.sizes()),
                             take(kStep, {})};
    }
  }
  if (num_used != state.size()) {
    throw Error(fmt::format("[checkpoint] optimizer state holds {} tensors, {} belong to trained parameters",
                            state.size(), num_used));
  }
  moments_ = std::move(loaded);
}

}  // namespace molmo::train
