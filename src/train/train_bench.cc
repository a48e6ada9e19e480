// SPDX-License-Identifier: Apache-2.0
#include "train/train_bench.h"

#include <algorithm>
#include <chrono>

#include "model/flops.h"
#include "molmo/error.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "train/trained_model.h"

namespace molmo::train {
namespace {

MicroBatch random_batch(const TrainBenchOptions& options, at::Device device) {
  const config::VitConfig& vit = options.model.vit;
  const int64_t rows = options.num_rows, length = options.num_tokens, crops = rows * options.num_crops;
  const int64_t pooled = int64_t{options.model.pooled_height()} * options.model.pooled_width();
  const int64_t num_image_tokens = options.num_crops * pooled;
  if (1 + num_image_tokens >= length) {
    throw Error(
        fmt::format("[bench] {} crops make {} image tokens a row, got --tokens {}, expected at least {} "
                    "(or --crops {})",
                    options.num_crops, num_image_tokens, length, num_image_tokens + 2, (length - 2) / pooled));
  }
  const auto longs = at::TensorOptions().dtype(at::kLong);
  MicroBatch batch;
  batch.inputs.input_ids = at::randint(0, options.model.decoder.vocab_size, {rows, length}, longs).to(device);
  batch.targets.labels = at::roll(batch.inputs.input_ids, {-1}, {1});
  Tensor weights = at::ones({rows, length});
  weights.slice(1, 0, num_image_tokens).zero_();
  batch.targets.weights = weights.to(device);
  batch.inputs.is_response = batch.targets.weights > 0;
  if (crops == 0) return batch;
  batch.inputs.patches = at::randn({crops, vit.num_patches(), vit.patch_values()}).to(device);
  batch.inputs.image_masks = at::ones({crops, vit.num_patches()}).to(device);
  batch.inputs.crop_rows = at::arange(rows, longs).repeat_interleave(options.num_crops).to(device);
  batch.inputs.token_positions =
      at::arange(1, 1 + num_image_tokens, longs).view({options.num_crops, pooled}).repeat({rows, 1}).to(device);
  return batch;
}

}  // namespace

TrainSpeed measure_train_speed(const TrainBenchOptions& options, at::Device device) {
  config::TrainConfig config;
  config.stage = config::TrainStage::kSft;
  config.molmo.model = options.model;
  config.recompute = options.recompute;
  config.compute_dtype =
      options.compute == at::kFloat ? config::ComputeDtype::kFloat32 : config::ComputeDtype::kBfloat16;
  const auto alone = distributed::connect({}, {});
  const tensor::MemoryMeter meter;
  TrainedModel model(config, device, *alone);
  model.init_weights(config);
  const MicroBatch batch = random_batch(options, device);
  StepOptions step{.step = 1, .run_steps = 1000, .forward = {}, .ranks = model.ranks()};
  step.forward.compute = options.compute;
  TrainSpeed speed{.step_seconds = 1e30};
  for (int i = 0; i <= options.num_steps; ++i, ++step.step) {
    const auto start = std::chrono::steady_clock::now();
    train_step(model.objective(), model.optimizer(), std::span(&batch, 1), step);  // its result reads back the loss
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i > 0) speed.step_seconds = std::min(speed.step_seconds, seconds);
  }
  const auto length = static_cast<double>(options.num_tokens), rows = static_cast<double>(options.num_rows);
  const model::PassWork work{.num_tokens = options.num_rows * options.num_tokens,
                             .num_loss_tokens = (batch.targets.weights > 0).sum().item<int64_t>(),
                             .squared_lengths = rows * length * length,
                             .num_crops = options.num_rows * options.num_crops};
  speed.tokens_per_s = length * rows / speed.step_seconds;
  speed.flops_per_s = 3.0 * model::forward_flops(options.model, work) / speed.step_seconds;
  speed.peak_bytes = meter.peak_bytes();
  return speed;
}

}  // namespace molmo::train
