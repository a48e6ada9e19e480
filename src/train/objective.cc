// SPDX-License-Identifier: Apache-2.0
#include "train/objective.h"

#include "data/cell_labels.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "train/loss.h"

namespace molmo::train {
namespace {

// Most cells are background; with equal weights predicting nothing but background would be a good minimum.
constexpr double kBackgroundWeight = 0.25;
constexpr double kPlaceWeight = 0.5;  // of a column or a row, beside the kind

// Keys of dropout's random numbers, if anything is dropped.
void set_keys(const model::ModelInputs& inputs, nn::DropoutState& dropout) {
  if (dropout.is_off()) return;
  const auto keys = [&](const Tensor& streams, const Tensor& like) {  // batches that no loader made have no streams
    const Tensor own = streams.defined() ? streams : at::arange(like.numel(), like.options()).view(like.sizes());
    return nn::dropout_keys(own, dropout.seed);
  };
  dropout.token_keys = keys(inputs.token_streams, inputs.input_ids);                                // [B, S]
  if (inputs.crop_rows.defined()) dropout.crop_keys = keys(inputs.crop_streams, inputs.crop_rows);  // [C]
}

Tensor kind_weights(const Tensor& kinds) {  // [N] -> [N]
  const Tensor weights = at::where(kinds == data::kBackgroundLabel, kBackgroundWeight, 1.0).to(at::kFloat);
  return weights.masked_fill(kinds == data::kIgnoredLabel, 0.0);
}

Tensor place_weights(const Tensor& steps) {  // [N] -> [N]
  return at::where(steps == data::kIgnoredLabel, 0.0, kPlaceWeight).to(at::kFloat);
}

// Facts: spec/model.md §2.11. Every position of the micro-batch counts, padding included.
void add_router_losses(const config::DecoderConfig& config, const model::RouterLosses& router, int64_t num_tokens,
                       LossSums& sums) {
  if (!router.load_balance.defined()) return;
  const double choices =
      static_cast<double>(config.num_layers) * static_cast<double>(num_tokens) * config.experts_per_token;
  sums.load_balancing = router.load_balance * (config.load_balancing_weight * config.num_experts / choices);
  sums.router_z = router.z * (config.router_z_weight / choices);
}

}  // namespace

double TokenObjective::weight_sum(const MicroBatch& batch) const {
  return batch.targets.weight_sum ? *batch.targets.weight_sum : train::weight_sum(batch.targets.weights);
}

LossSums TokenObjective::losses(const MicroBatch& batch, const model::ForwardOptions& forward) const {
  model::ForwardOptions options = forward;
  options.dropout.is_response = batch.inputs.is_response;
  set_keys(batch.inputs, options.dropout);
  model::RouterLosses router;
  const config::DecoderConfig& decoder = molmo_.config().decoder;
  if (decoder.load_balancing_weight > 0 || decoder.router_z_weight > 0) options.router_losses = &router;
  const Tensor weights = batch.targets.weights.flatten();                 // [B*S]
  options.kept = batch.targets.counted.defined() ? batch.targets.counted  // [M]
                                                 : (weights > 0).nonzero().squeeze(1);
  const Tensor hidden = molmo_.hidden_states(batch.inputs, nullptr, options);  // [M, D]
  const tensor::CrossEntropySums made =
      molmo_.loss(hidden, batch.targets.labels.flatten().index_select(0, options.kept),
                  weights.index_select(0, options.kept), {.compute = options.compute, .z_loss_scale = z_loss_scale_});
  LossSums sums{.loss = made.loss,
                .cross_entropy = made.cross_entropy,
                .z_loss = made.z_loss,
                .accuracy = made.accuracy,
                .load_balancing = {},
                .router_z = {}};
  add_router_losses(decoder, router, weights.size(0), sums);
  return sums;
}

MicroBatch TokenObjective::nothing() const {
  MicroBatch batch;
  batch.is_padding = true;
  batch.inputs = model::padding_inputs(molmo_.device());
  batch.targets = {.labels = at::full_like(batch.inputs.input_ids, -1),
                   .weights = at::zeros({1, 1}, batch.inputs.is_response.options().dtype(at::kFloat)),
                   .counted = at::empty({0}, batch.inputs.input_ids.options()),
                   .weight_sum = 0.0};
  return batch;
}

void TokenObjective::add_padding_crop(MicroBatch& batch) const {
  model::add_padding_crop(batch.inputs, molmo_.config());
}

TowerObjective::TowerObjective(const model::Molmo& molmo, int64_t num_kinds)
    : molmo_(molmo),
      params_(std::make_unique<ParamSet>()),
      head_(molmo.config().decoder.width, num_kinds + 1 + 2 * data::kPlaceSteps, /*has_bias=*/true, Init::normal(0.02),
            ParamScope(*params_, "tower_head").of(Component::kConnector)),  // a fresh part, as the connector
      unit_(ParamScope(*params_, "tower_head").of(Component::kConnector)) {}

MicroBatch TowerObjective::nothing() const {
  MicroBatch batch;
  batch.is_padding = true;
  batch.inputs = model::padding_inputs(molmo_.device());
  add_padding_crop(batch);
  return batch;
}

void TowerObjective::add_padding_crop(MicroBatch& batch) const {
  model::add_padding_crop(batch.inputs, molmo_.config());
  batch.cell_labels = at::full({1, batch.inputs.token_positions.size(1), 3}, data::kIgnoredLabel,
                               batch.inputs.token_positions.options());
}

double TowerObjective::weight_sum(const MicroBatch& batch) const {
  return train::weight_sum(kind_weights(batch.cell_labels.select(2, 0).flatten()));
}

LossSums TowerObjective::losses(const MicroBatch& batch, const model::ForwardOptions& forward) const {
  model::ForwardOptions options = forward;
  set_keys(batch.inputs, options.dropout);
  const Tensor tokens = molmo_.encode_images(batch.inputs.patches, batch.inputs.image_masks, options);  // [C, P, D]
  expect_shape("tower cell labels", batch.cell_labels, {tokens.size(0), tokens.size(1), 3});
  const std::vector<Tensor> labels = batch.cell_labels.flatten(0, 1).unbind(1);  // kind, column, row: [N] each, N = C P
  const Tensor logits = run_unit(unit_, tokens.flatten(0, 1), [this, compute = forward.compute](const Tensor& x) {
    return head_(x, compute);
  });  // [N, kinds + 1 + 2 steps]
  const int64_t num_classes = logits.size(1) - 2 * data::kPlaceSteps;
  const std::vector<Tensor> parts = logits.split_with_sizes({num_classes, data::kPlaceSteps, data::kPlaceSteps}, 1);
  const TokenLosses kinds = token_losses(parts[0], labels[0], kind_weights(labels[0]), /*z_loss_scale=*/0.0);
  LossSums sums;
  sums.loss = kinds.cross_entropy.sum();
  for (const size_t axis : {1, 2}) {
    sums.loss =
        sums.loss +
        token_losses(parts[axis], labels[axis], place_weights(labels[axis]), /*z_loss_scale=*/0.0).cross_entropy.sum();
  }
  sums.cross_entropy = sums.loss.detach();
  sums.z_loss = at::zeros_like(sums.cross_entropy);
  sums.accuracy = kinds.accuracy.sum();
  return sums;
}

}  // namespace molmo::train
