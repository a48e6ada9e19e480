// SPDX-License-Identifier: Apache-2.0
#include "train/clip.h"

#include "tensor/ops.h"

namespace molmo::train {
namespace {

constexpr double kEpsilon = 1e-6;

std::vector<Tensor> gradients_of(const ParamGroup& group) {
  std::vector<Tensor> gradients;
  for (const Parameter* param : group.params) {
    if (param->value.grad().defined()) gradients.push_back(param->value.grad());
  }
  return gradients;
}

}  // namespace

Tensor squared_norms(const std::vector<ParamGroup>& groups) {
  const at::NoGradGuard no_grad;
  std::array<std::vector<Tensor>, 3> norms;  // by component
  at::TensorOptions options = at::TensorOptions().dtype(at::kDouble);
  for (const ParamGroup& group : groups) {
    const std::vector<Tensor> gradients = gradients_of(group);
    if (gradients.empty()) continue;
    options = options.device(gradients.front().device());
    std::vector<Tensor>& own = norms[static_cast<size_t>(group.component)];
    own.push_back(at::stack(at::_foreach_norm(gradients, 2)).to(at::kDouble).square().sum());
  }
  std::vector<Tensor> squares;
  for (const std::vector<Tensor>& own : norms)
    squares.push_back(own.empty() ? at::zeros({}, options) : at::stack(own).sum());
  return at::stack(squares);
}

ClipResult clip_gradients(const std::vector<ParamGroup>& groups, const std::array<double, 3>& squares,
                          const config::OptimizerConfig& optimizer, int64_t step) {
  const at::NoGradGuard no_grad;
  ClipResult result;
  result.total_norm = std::sqrt(squares[0] + squares[1] + squares[2]);
  for (size_t c = 0; c < squares.size(); ++c) {
    result.norms[c] = std::sqrt(squares[c]);
    const auto& base = component_config(optimizer, kComponents[c]).max_grad_norm;
    if (!base) continue;
    const double norm = optimizer.clip == config::ClipMode::kGlobal ? result.total_norm : result.norms[c];
    result.factors[c] = std::min(1.0, clip_limit(optimizer, *base, step) / (norm + kEpsilon));
  }

  size_t num_limited = 0, num_clipped = 0;
  for (const ParamGroup& group : groups) {
    if (!component_config(optimizer, group.component).max_grad_norm) continue;
    const double factor = result.factors[static_cast<size_t>(group.component)];
    num_limited += group.params.size();
    if (factor >= 1.0) continue;
    num_clipped += group.params.size();
    if (const std::vector<Tensor> gradients = gradients_of(group); !gradients.empty())
      at::_foreach_mul_(gradients, factor);
  }
  if (num_limited > 0) result.clipping_rate = static_cast<double>(num_clipped) / static_cast<double>(num_limited);
  return result;
}

}  // namespace molmo::train
