// SPDX-License-Identifier: Apache-2.0
#include "train/step.h"

#include "base/stop_signals.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

bool has_pictures(const MicroBatch& batch) {
  return batch.inputs.patches.defined() && batch.inputs.patches.size(0) > 0;
}

// What the ranks agree on before a step: without it neither the divisor of the loss nor which units run would be the
// same on all of them, and a collective that one rank skips would hang the others.
struct Agreement {
  double weight_sum = 0.0;           // over the global batch
  double num_counted_batches = 0.0;  // micro-batches that hold rows
  std::vector<bool> has_pictures;    // by micro-batch: on some rank
};

Agreement agree(const Objective& objective, std::span<const MicroBatch> batches, const Ranks& ranks) {
  std::vector<double> sums(2, 0.0);
  for (const MicroBatch& batch : batches) {
    sums[0] += objective.weight_sum(batch);
    sums[1] += batch.is_padding ? 0.0 : 1.0;
    sums.push_back(has_pictures(batch) ? 1.0 : 0.0);
  }
  if (ranks.everyone != nullptr) ranks.everyone->sum(sums, "the weight of the batch");
  Agreement agreement{.weight_sum = sums[0], .num_counted_batches = sums[1], .has_pictures = {}};
  for (size_t i = 2; i < sums.size(); ++i) agreement.has_pictures.push_back(sums[i] > 0);
  return agreement;
}

void run_batch(const Objective& objective, const MicroBatch& batch, const Agreement& agreement,
               const model::ForwardOptions& forward, StepResult& result) {
  const LossSums sums = objective.losses(batch, forward);
  Tensor total = sums.loss / agreement.weight_sum;
  const auto add = [&](const Tensor& loss, double divisor, double& mean) {
    if (!loss.defined()) return;
    total = total + loss / divisor;
    mean += loss.item<double>() / divisor;
  };
  if (!batch.is_padding) {
    add(sums.load_balancing, agreement.num_counted_batches, result.load_balancing);
    add(sums.router_z, agreement.num_counted_batches, result.router_z);
  }
  total.backward();
  result.cross_entropy += sums.cross_entropy.item<double>() / agreement.weight_sum;
  result.z_loss += sums.z_loss.item<double>() / agreement.weight_sum;
  result.accuracy += sums.accuracy.item<double>() / agreement.weight_sum;
}

// Sums losses and squared gradient norms over all ranks, in one collective: a second one would cost its latency per
// step.
std::array<double, 3> sum_over_ranks(StepResult& result, std::array<double, 3> squares, const Ranks& ranks) {
  if (ranks.everyone == nullptr) return squares;
  // Replicas hold the same slices, so each square would be counted once per replica.
  const double copies = ranks.sharded == nullptr ? 1.0 : ranks.sharded->mesh().replicas->size();
  std::array<double, 8> sums{result.cross_entropy, result.z_loss,       result.accuracy,     result.load_balancing,
                             result.router_z,      squares[0] / copies, squares[1] / copies, squares[2] / copies};
  ranks.everyone->sum(sums, "losses and gradient norms");
  result.cross_entropy = sums[0], result.z_loss = sums[1], result.accuracy = sums[2];
  result.load_balancing = sums[3], result.router_z = sums[4];
  return {sums[5], sums[6], sums[7]};
}

}  // namespace

StepResult accumulate(const Objective& objective, std::span<const MicroBatch> batches,
                      const model::ForwardOptions& forward, const Ranks& ranks, const std::function<bool()>& gives_up) {
  StepResult result;
  const Agreement agreement = agree(objective, batches, ranks);
  result.weight_sum = agreement.weight_sum;
  if (result.weight_sum <= 0) {  // the reference divides 0 by 0 here and loses the weights
    result.is_skipped = true;
    return result;
  }
  std::optional<ScopedUnitRunner> sharded;
  if (ranks.sharded != nullptr) sharded.emplace(*ranks.sharded);
  for (size_t i = 0; i < batches.size(); ++i) {
    if (i > 0 && gives_up && gives_up()) throw Interruption();
    if (sharded) ranks.sharded->begin_pass(/*is_last=*/i + 1 == batches.size());
    // Where another rank runs the tower, gathering its weights needs this rank too.
    if (agreement.has_pictures[i] && !has_pictures(batches[i])) {
      MicroBatch padded = batches[i];
      objective.add_padding_crop(padded);
      run_batch(objective, padded, agreement, forward, result);
    } else {
      run_batch(objective, batches[i], agreement, forward, result);
    }
  }
  if (sharded) ranks.sharded->finish_step();
  return result;
}

StepResult train_step(const Objective& objective, AdamW& optimizer, std::span<const MicroBatch> batches,
                      const StepOptions& options) {
  const Ranks& ranks = options.ranks;
  StepResult result = accumulate(objective, batches, options.forward, ranks, options.gives_up);
  if (!result.is_skipped) {
    const auto squares = sum_over_ranks(result, squared_norms(optimizer.groups()), ranks);
    result.clip = clip_gradients(optimizer.groups(), squares, optimizer.config(), options.step);
    SpikeGuard finite(0.0);
    SpikeGuard& guard = options.guard != nullptr ? *options.guard : finite;
    // Decided from sums over all ranks, so every rank skips or none does.
    const double loss = result.cross_entropy + result.z_loss + result.load_balancing + result.router_z;
    result.is_skipped = !guard.admits(loss, result.clip.total_norm);
  }
  if (!result.is_skipped) optimizer.update(options.step, options.run_steps);
  optimizer.clear_gradients();
  if (ranks.sharded != nullptr) ranks.sharded->clear_gradients();
  return result;
}

}  // namespace molmo::train
