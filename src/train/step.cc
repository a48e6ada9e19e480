// SPDX-License-Identifier: Apache-2.0
#include "train/step.h"

#include "base/stop_signals.h"
#include "tensor/host_read.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

constexpr size_t kNumLosses = 5;  // cross-entropy, z-loss, accuracy, load balancing, router z

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

// This rank's share of the losses of a step, [5] float64 on the device, where they stay until the step's one read:
// cross-entropy, z-loss, accuracy, load balancing, router z.
void run_batch(const Objective& objective, const MicroBatch& batch, const Agreement& agreement,
               const model::ForwardOptions& forward, Tensor& losses) {
  const LossSums sums = objective.losses(batch, forward);
  Tensor total = sums.loss / agreement.weight_sum;
  const Tensor none = at::zeros({}, sums.loss.options().dtype(at::kDouble).requires_grad(false));
  const auto mean_of = [&](const Tensor& loss) {
    if (!loss.defined() || batch.is_padding) return none;
    total = total + loss / agreement.num_counted_batches;
    return loss.detach().to(at::kDouble) / agreement.num_counted_batches;
  };
  const Tensor load_balancing = mean_of(sums.load_balancing), router_z = mean_of(sums.router_z);
  total.backward();
  const auto share_of = [&](const Tensor& sum) { return sum.detach().to(at::kDouble) / agreement.weight_sum; };
  const Tensor own = at::stack(
      {share_of(sums.cross_entropy), share_of(sums.z_loss), share_of(sums.accuracy), load_balancing, router_z});
  losses = losses.defined() ? losses + own : own;
}

void set_losses(StepResult& result, std::span<const double> values) {
  result.cross_entropy = values[0], result.z_loss = values[1], result.accuracy = values[2];
  result.load_balancing = values[3], result.router_z = values[4];
}

// Sums losses and squared gradient norms over all ranks, in one collective: a second one would cost its latency per
// step. `values`: the losses, and the squares by component.
void sum_over_ranks(std::span<double> values, const Ranks& ranks) {
  if (ranks.everyone == nullptr) return;
  // Replicas hold the same slices, so each square would be counted once per replica.
  const double copies = ranks.sharded == nullptr ? 1.0 : ranks.sharded->mesh().replicas->size();
  for (double& square : values.subspan(kNumLosses)) square /= copies;
  ranks.everyone->sum(values, "losses and gradient norms");
}

// accumulate() without reading the losses; undefined where the step is skipped.
Tensor run_batches(const Objective& objective, std::span<const MicroBatch> batches,
                   const model::ForwardOptions& forward, const Ranks& ranks, const std::function<bool()>& gives_up,
                   StepResult& result) {
  const Agreement agreement = agree(objective, batches, ranks);
  result.weight_sum = agreement.weight_sum;
  if (result.weight_sum <= 0) {  // the reference divides 0 by 0 here and loses the weights
    result.is_skipped = true;
    return {};
  }
  std::optional<ScopedUnitRunner> runner;
  if (ranks.sharded != nullptr) runner.emplace(*ranks.sharded);
  if (ranks.recomputing != nullptr) runner.emplace(*ranks.recomputing);
  Tensor losses;
  for (size_t i = 0; i < batches.size(); ++i) {
    if (i > 0 && gives_up && gives_up()) throw Interruption();
    if (ranks.sharded != nullptr) ranks.sharded->begin_pass(/*is_last=*/i + 1 == batches.size());
    // Where another rank runs the tower, gathering its weights needs this rank too.
    if (agreement.has_pictures[i] && !has_pictures(batches[i])) {
      MicroBatch padded = batches[i];
      objective.add_padding_crop(padded);
      run_batch(objective, padded, agreement, forward, losses);
    } else {
      run_batch(objective, batches[i], agreement, forward, losses);
    }
  }
  if (ranks.sharded != nullptr) ranks.sharded->finish_step();
  return losses;
}

}  // namespace

StepResult accumulate(const Objective& objective, std::span<const MicroBatch> batches,
                      const model::ForwardOptions& forward, const Ranks& ranks, const std::function<bool()>& gives_up) {
  StepResult result;
  const Tensor losses = run_batches(objective, batches, forward, ranks, gives_up, result);
  if (losses.defined()) set_losses(result, tensor::read_values({losses}));
  return result;
}

StepResult train_step(const Objective& objective, AdamW& optimizer, std::span<const MicroBatch> batches,
                      const StepOptions& options) {
  const Ranks& ranks = options.ranks;
  StepResult result;
  const Tensor losses = run_batches(objective, batches, options.forward, ranks, options.gives_up, result);
  if (!result.is_skipped) {
    // The step's one wait for the device: what follows depends on the values.
    std::vector<double> values = tensor::read_values({losses, squared_norms(optimizer.groups())});
    sum_over_ranks(values, ranks);
    set_losses(result, values);
    const std::array<double, 3> squares{values[kNumLosses], values[kNumLosses + 1], values[kNumLosses + 2]};
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
