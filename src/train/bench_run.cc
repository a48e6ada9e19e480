// SPDX-License-Identifier: Apache-2.0
#include "train/bench_run.h"

#include "model/batch.h"
#include "model/bench_shape.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

config::TrainConfig config_of(const TrainBenchOptions& options) {
  config::TrainConfig config;
  config.stage = config::TrainStage::kSft;
  config.molmo.model = options.model;
  config.recompute = options.recompute;
  config.sharding = options.sharding;
  config.compute_dtype =
      options.compute == at::kFloat ? config::ComputeDtype::kFloat32 : config::ComputeDtype::kBfloat16;
  return config;
}

}  // namespace

MicroBatch random_batch(const TrainBenchOptions& options, int64_t length, at::Device device) {
  const config::VitConfig& vit = options.model.vit;
  const int64_t rows = options.num_rows, crops = rows * options.num_crops;
  const int64_t pooled = int64_t{options.model.pooled_height()} * options.model.pooled_width();
  const int64_t num_image_tokens = options.num_crops * pooled;
  if (1 + num_image_tokens >= length) {
    throw Error(
        fmt::format("[bench] {} crops make {} image tokens a row, got --tokens {}, expected at least {} "
                    "(or --crops {})",
                    options.num_crops, num_image_tokens, length, num_image_tokens + 2, (length - 2) / pooled));
  }
  const auto longs = at::TensorOptions().dtype(at::kLong);
  const Tensor ids = at::randint(0, options.model.decoder.vocab_size, {rows, length}, longs);
  Tensor weights = at::ones({rows, length});
  weights.slice(1, 0, num_image_tokens).zero_();
  MicroBatch batch;
  batch.inputs.input_ids = ids.to(device);
  batch.targets = model::make_targets(at::roll(ids, {-1}, {1}), weights, device);
  batch.inputs.is_response = batch.targets.weights > 0;
  if (device.is_cuda()) batch.inputs.sequences = model::plan_rows(ids, {}, device);
  if (crops == 0) return batch;
  const Tensor positions =
      at::arange(1, 1 + num_image_tokens, longs).view({options.num_crops, pooled}).repeat({rows, 1});
  batch.inputs.patches = at::randn({crops, vit.num_patches(), vit.patch_values()}).to(device);
  batch.inputs.image_masks = at::ones({crops, vit.num_patches()}).to(device);
  batch.inputs.crop_rows = at::arange(rows, longs).repeat_interleave(options.num_crops).to(device);
  batch.inputs.token_positions = positions.to(device);
  batch.inputs.placed = model::placed_tokens(positions, device);
  return batch;
}

model::PassWork work_of(const MicroBatch& batch, const TrainBenchOptions& options) {
  const auto rows = static_cast<double>(options.num_rows), length = static_cast<double>(batch.inputs.input_ids.size(1));
  return {.num_tokens = batch.inputs.input_ids.numel(),
          .num_loss_tokens = batch.targets.counted.size(0),
          .squared_lengths = rows * length * length,
          .num_crops = options.num_rows * options.num_crops};
}

BenchRun::BenchRun(const TrainBenchOptions& options, at::Device device, distributed::Communicator& everyone)
    : model(config_of(options), device, everyone) {
  model.allocate();
  model::draw_bench_values(model.ranks().sharded != nullptr ? model.ranks().sharded->slices() : model.params());
  step = {.step = 1, .run_steps = 1000, .forward = {}, .ranks = model.ranks()};
  step.forward.compute = options.compute;
  step.forward.dropout.residual = options.drops ? 0.1 : 0.0;
}

StepResult BenchRun::run(const MicroBatch& batch) {
  StepResult result = train_step(model.objective(), model.optimizer(), std::span(&batch, 1), step);
  ++step.step;
  return result;
}

}  // namespace molmo::train
