// SPDX-License-Identifier: Apache-2.0
#include "train/step.h"

#include "tensor/ops.h"

namespace molmo::train {

StepResult accumulate(const Objective& objective, std::span<const MicroBatch> batches, const model::ForwardOptions& forward) {
  StepResult result;
  for (const MicroBatch& batch : batches) result.weight_sum += objective.weight_sum(batch);
  if (result.weight_sum <= 0) {  // the reference divides 0 by 0 here and loses the weights
    result.is_skipped = true;
    return result;
  }
  for (const MicroBatch& batch : batches) {
    const LossSums sums = objective.losses(batch, forward);
    const Tensor total = sums.z_loss.defined() ? sums.cross_entropy + sums.z_loss : sums.cross_entropy;
    (total / result.weight_sum).backward();
    result.cross_entropy += sums.cross_entropy.item<double>() / result.weight_sum;
    if (sums.z_loss.defined()) result.z_loss += sums.z_loss.item<double>() / result.weight_sum;
    result.accuracy += sums.accuracy.item<double>() / result.weight_sum;
  }
  return result;
}

StepResult train_step(const Objective& objective, AdamW& optimizer, std::span<const MicroBatch> batches, int64_t step,
                      int64_t run_steps, const model::ForwardOptions& forward) {
  StepResult result = accumulate(objective, batches, forward);
  if (!result.is_skipped) {
    result.clip = clip_gradients(optimizer.groups(), optimizer.config(), step);
    result.is_skipped = !std::isfinite(result.cross_entropy + result.z_loss + result.clip.total_norm);
  }
  if (!result.is_skipped) optimizer.update(step, run_steps);
  optimizer.clear_gradients();
  return result;
}

}  // namespace molmo::train
