// SPDX-License-Identifier: Apache-2.0
#include "train/objective.h"

#include "tensor/ops.h"
#include "tensor/shape.h"
#include "train/loss.h"

namespace molmo::train {
namespace {

// Background fills most cells; this weight keeps the objects from drowning.
constexpr double kBackgroundWeight = 0.25;
constexpr int64_t kIgnored = -100;

LossSums summed(const TokenLosses& losses) {
  LossSums sums{losses.cross_entropy.sum(), losses.accuracy.sum(), {}};
  if (losses.z_loss.defined()) sums.z_loss = losses.z_loss.sum();
  return sums;
}

Tensor cell_weights(const Tensor& kinds) {  // [C, P] -> [C, P]
  const Tensor weights = at::where(kinds == 0, kBackgroundWeight, 1.0).to(at::kFloat);
  return weights.masked_fill(kinds == kIgnored, 0.0);
}

}  // namespace

double TokenObjective::weight_sum(const MicroBatch& batch) const { return train::weight_sum(batch.targets.weights); }

LossSums TokenObjective::losses(const MicroBatch& batch, const model::ForwardOptions& forward) const {
  model::ForwardOptions options = forward;
  options.dropout.is_response = batch.inputs.is_response;
  const Tensor hidden = molmo_.hidden_states(batch.inputs, nullptr, options);  // [B, S, D]
  const Tensor weights = batch.targets.weights.flatten();                      // [B*S]
  const Tensor counted = (weights > 0).nonzero().squeeze(1);                   // [M]
  const Tensor logits = molmo_.logits(hidden.flatten(0, 1).index_select(0, counted), options);  // [M, V]
  return summed(token_losses(logits, batch.targets.labels.flatten().index_select(0, counted),
                             weights.index_select(0, counted), z_loss_scale_));
}

TowerObjective::TowerObjective(const model::Molmo& molmo, int64_t num_kinds, uint64_t seed)
    : molmo_(molmo),
      params_(std::make_unique<ParamSet>()),
      head_(molmo.config().decoder.width, num_kinds + 1, /*has_bias=*/true, Init::normal(0.02), ParamScope(*params_, "tower_head")) {
  params_->materialize(molmo.device(), seed);
}

double TowerObjective::weight_sum(const MicroBatch& batch) const { return train::weight_sum(cell_weights(batch.cell_kinds)); }

LossSums TowerObjective::losses(const MicroBatch& batch, const model::ForwardOptions& forward) const {
  const Tensor tokens = molmo_.encode_images(batch.inputs.patches, batch.inputs.image_masks, forward);  // [C, P, D]
  expect_shape("tower cell kinds", batch.cell_kinds, {tokens.size(0), tokens.size(1)});
  const Tensor weights = cell_weights(batch.cell_kinds).flatten();  // [C*P]
  const Tensor logits = head_(tokens.flatten(0, 1), forward.compute);  // [C*P, kinds + 1]
  return summed(token_losses(logits, batch.cell_kinds.flatten(), weights, /*z_loss_scale=*/0.0));
}

}  // namespace molmo::train
