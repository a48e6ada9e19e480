// SPDX-License-Identifier: Apache-2.0
#include "train/train_bench.h"

#include <algorithm>
#include <chrono>

#include "tensor/device.h"
#include "tensor/memory_meter.h"
#include "tensor/runtime.h"
#include "tensor/stopwatch.h"
#include "train/unit_spans.h"

namespace molmo::train {
namespace {

// Its result reads back the loss, so that the step is over when this returns.
double seconds_of_step(BenchRun& bench, const MicroBatch& batch) {
  const auto start = std::chrono::steady_clock::now();
  bench.run(batch);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TrainSpeed measure_train_speed(const TrainBenchOptions& options, at::Device device) {
  const tensor::MemoryMeter meter;
  const auto alone = distributed::connect({}, {});
  BenchRun bench(options, device, *alone);
  const MicroBatch longest = random_batch(options, options.num_tokens, device);
  seconds_of_step(bench, longest);  // warms up
  TrainSpeed speed;
  double best_rate = 0.0;
  for (int i = 0; i < options.num_steps; ++i) {
    const int64_t shorter = options.num_tokens / 2 * i / std::max(1, options.num_steps - 1);
    const MicroBatch batch =
        options.varies_lengths ? random_batch(options, options.num_tokens - shorter, device) : longest;
    const double seconds = seconds_of_step(bench, batch),
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
  const auto alone = distributed::connect({}, {});
  BenchRun bench(options, device, *alone);
  const MicroBatch batch = random_batch(options, options.num_tokens, device);
  seconds_of_step(bench, batch);  // warms up
  tensor::Stopwatch watch(device);
  UnitSpans spans([&] { return watch.mark(); });
  const ScopedUnitRunner scope(spans);
  accumulate(bench.model.objective(), std::span(&batch, 1), bench.step.forward, bench.step.ranks);
  std::vector<UnitTime> times;
  for (const UnitSpan& unit : spans.finish()) {
    UnitTime time{.name = unit.name, .count = unit.count};
    for (const auto& [from, to] : unit.forward) time.forward_seconds += watch.seconds(from, to);
    for (const auto& [from, to] : unit.backward) time.backward_seconds += watch.seconds(from, to);
    times.push_back(std::move(time));
  }
  return times;
}

}  // namespace molmo::train
