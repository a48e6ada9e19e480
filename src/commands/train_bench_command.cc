// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "config/presets.h"
#include "model/bench_shape.h"
#include "train/train_bench.h"

namespace molmo::commands {
namespace {

struct TrainBenchCommandOptions {
  std::string shape = "0.15b";
  int layers = 0;
  bool recompute = false, json = false;
  train::TrainBenchOptions bench;
  ComputeOptions compute;
};

// A shape of the benchmarks, or a preset, of which a GPU may hold some layers only.
config::ModelConfig model_of(const TrainBenchCommandOptions& options) {
  const bool is_shape = options.shape == "tiny" || options.shape == "0.15b";
  config::ModelConfig model = is_shape ? model::bench_shape(options.shape) : config::preset(options.shape).model;
  if (options.layers > 0) model.decoder.num_layers = options.layers;
  return model;
}

void run_train_bench(const TrainBenchCommandOptions& options) {
  expect_single_process("bench train");
  train::TrainBenchOptions bench = options.bench;
  bench.model = model_of(options);
  if (options.recompute) bench.recompute = {.decoder = 1, .vit = 1, .connector = true};
  const at::Device device = options.compute.open();
  bench.compute = options.compute.compute(device);
  const train::TrainSpeed speed = train::measure_train_speed(bench, device);
  if (options.json) {
    std::cout << format_json_line(Json{{"shape", options.shape},
                                       {"dtype", options.compute.dtype},
                                       {"step_seconds", speed.step_seconds},
                                       {"tokens_per_s", speed.tokens_per_s},
                                       {"tflops", speed.flops_per_s / 1e12},
                                       {"peak_bytes", speed.peak_bytes}})
              << "\n";
    return;
  }
  std::cout << fmt::format(
      "shape {}, {} layers, {}, {} rows of {} tokens with {} crops each\nstep     {:9.3f} s, {:.1f} tokens/s, {:.3f} "
      "TFLOP/s of the model\nmemory   {} of tensors at the most (0: not counted on this device)\n",
      options.shape, bench.model.decoder.num_layers, options.compute.dtype, bench.num_rows, bench.num_tokens,
      bench.num_crops, speed.step_seconds, speed.tokens_per_s, speed.flops_per_s / 1e12,
      format_bytes(static_cast<double>(speed.peak_bytes)));
}

}  // namespace

void add_train_bench(cli::Command& bench) {
  auto options = std::make_shared<TrainBenchCommandOptions>();
  cli::Command command = bench.subcommand("train", "measure training steps of a model with random weights and data");
  command.option("--shape", options->shape, "tiny, 0.15b, or a preset (molmo-7b-d)");
  command.option("--layers", options->layers, "decoder layers in place of the shape's; 0: all").within(0, 1000);
  command.option("--rows", options->bench.num_rows, "batch size in rows").within(1, 1024);
  command.option("--tokens", options->bench.num_tokens, "row length in tokens, image tokens included").within(2, 65536);
  command.option("--crops", options->bench.num_crops, "336-pixel crops in each row").within(0, 64);
  command.option("--steps", options->bench.num_steps, "steps, of which the fastest counts").within(1, 100);
  command.flag("--recompute", options->recompute, "recompute all activations in backward");
  command.flag("--json", options->json, "print one JSON object");
  options->compute.add_to(command);
  command.runs(options, run_train_bench);
}

}  // namespace molmo::commands
