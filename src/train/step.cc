// SPDX-License-Identifier: Apache-2.0
#include "train/step.h"

#include "tensor/ops.h"

namespace molmo::train {

StepResult accumulate(const Objective& objective, std::span<const MicroBatch> batches,
                      const model::ForwardOptions& forward) {
  StepResult result;
  for (const MicroBatch& batch : batches) result.weight_sum += objective.weight_sum(batch);
  if (result.weight_sum <= 0) {  // the reference divides 0 by 0 here and loses the weights
    result.is_skipped = true;
    return result;
  }
  const auto num_batches = static_cast<double>(batches.size());
  for (const MicroBatch& batch : batches) {
    const LossSums sums = objective.losses(batch, forward);
    Tensor total = sums.cross_entropy / result.weight_sum;
    const auto add = [&](const Tensor& loss, double divisor, double& mean) {
      if (!loss.defined()) return;
      total = total + loss / divisor;
      mean += loss.item<double>() / divisor;
    };
    add(sums.z_loss, result.weight_sum, result.z_loss);
    add(sums.load_balancing, num_batches, result.load_balancing);
    add(sums.router_z, num_batches, result.router_z);
    total.backward();
    result.cross_entropy += sums.cross_entropy.item<double>() / result.weight_sum;
    result.accuracy += sums.accuracy.item<double>() / result.weight_sum;
  }
  return result;
}

StepResult train_step(const Objective& objective, AdamW& optimizer, std::span<const MicroBatch> batches, int64_t step,
                      int64_t run_steps, const model::ForwardOptions& forward) {
  StepResult result = accumulate(objective, batches, forward);
  if (!result.is_skipped) {
    result.clip = clip_gradients(optimizer.groups(), optimizer.config(), step);
    result.is_skipped = !std::isfinite(result.cross_entropy + result.z_loss + result.load_balancing + result.router_z +
                                       result.clip.total_norm);
  }
  if (!result.is_skipped) optimizer.update(step, run_steps);
  optimizer.clear_gradients();
  return result;
}

}  // namespace molmo::train
