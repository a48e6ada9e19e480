// SPDX-License-Identifier: Apache-2.0
#include "train/train_bench.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "model/bench_shape.h"
#include "model/flops.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "train/trained_model.h"

namespace molmo::train {
namespace {

// Rows of `length` tokens.
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

model::PassWork work_of(const MicroBatch& batch, const TrainBenchOptions& options) {
  const auto rows = static_cast<double>(options.num_rows), length = static_cast<double>(batch.inputs.input_ids.size(1));
  return {.num_tokens = batch.inputs.input_ids.numel(),
          .num_loss_tokens = (batch.targets.weights > 0).sum().item<int64_t>(),
          .squared_lengths = rows * length * length,
          .num_crops = options.num_rows * options.num_crops};
}

// A model of random values, and how its steps are made.
struct Bench {
  std::unique_ptr<distributed::Communicator> alone = distributed::connect({}, {});
  TrainedModel model;
  StepOptions step;

  Bench(const TrainBenchOptions& options, at::Device device) : model(config_of(options), device, *alone) {
    model.allocate();
    model::draw_bench_values(model.ranks().sharded != nullptr ? model.ranks().sharded->slices() : model.params());
    step = {.step = 1, .run_steps = 1000, .forward = {}, .ranks = model.ranks()};
    step.forward.compute = options.compute;
  }

  static config::TrainConfig config_of(const TrainBenchOptions& options) {
    config::TrainConfig config;
    config.stage = config::TrainStage::kSft;
    config.molmo.model = options.model;
    config.recompute = options.recompute;
    config.compute_dtype =
        options.compute == at::kFloat ? config::ComputeDtype::kFloat32 : config::ComputeDtype::kBfloat16;
    return config;
  }

  // Its result reads back the loss, so that the step is over when this returns.
  double seconds_of_step(const MicroBatch& batch) {
    const auto start = std::chrono::steady_clock::now();
    train_step(model.objective(), model.optimizer(), std::span(&batch, 1), step);
    ++step.step;
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
};

}  // namespace

TrainSpeed measure_train_speed(const TrainBenchOptions& options, at::Device device) {
  const tensor::MemoryMeter meter;
  Bench bench(options, device);
  const MicroBatch longest = random_batch(options, options.num_tokens, device);
  bench.seconds_of_step(longest);  // warms up
  TrainSpeed speed;
  double best_rate = 0.0;
  for (int i = 0; i < options.num_steps; ++i) {
    const int64_t shorter = options.num_tokens / 2 * i / std::max(1, options.num_steps - 1);
    const MicroBatch batch =
        options.varies_lengths ? random_batch(options, options.num_tokens - shorter, device) : longest;
    const double seconds = bench.seconds_of_step(batch),
                 flops = 3.0 * model::forward_flops(options.model, work_of(batch, options));
    speed.slowest_seconds = std::max(speed.slowest_seconds, seconds);
    if (flops / seconds < best_rate) continue;
    best_rate = flops / seconds;
    speed.step_seconds = seconds;
    speed.tokens_per_s = static_cast<double>(batch.inputs.input_ids.numel()) / seconds;
    speed.flops_per_s = flops / seconds;
  }
  speed.peak_bytes = device.is_cuda() ? tensor::peak_device_bytes(device) : meter.peak_bytes();
  if (device.is_cuda()) speed.reserved_bytes = tensor::reserved_device_bytes(device);
  return speed;
}

std::vector<UnitTime> measure_unit_times(const TrainBenchOptions& options, at::Device device) {
  Bench bench(options, device);
  const MicroBatch batch = random_batch(options, options.num_tokens, device);
  bench.seconds_of_step(batch);  // warms up
  UnitTimes times(device);
  const ScopedUnitRunner scope(times);
  accumulate(bench.model.objective(), std::span(&batch, 1), bench.step.forward, bench.step.ranks);
  return times.finish();
}

}  // namespace molmo::train
