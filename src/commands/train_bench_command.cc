// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "commands/budget_table.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "model/bench_shape.h"
#include "molmo/error.h"
#include "train/train_bench.h"

namespace molmo::commands {
namespace {

constexpr const char* kDefaultGpu = "H100-SXM";

struct TrainBenchCommandOptions {
  std::string shape = "0.15b";
  int layers = 0;
  bool recompute = false, by_unit = false, budget = false, by_operator = false, json = false;
  int ranks = 1, replicas = 1;
  std::string gpu = kDefaultGpu;
  train::TrainBenchOptions bench;
  ComputeOptions compute;
};

std::string headline(const TrainBenchCommandOptions& options, const train::TrainBenchOptions& bench) {
  return fmt::format("shape {}, {} layers, {}, {} rows of {} tokens with {} crops each\n", options.shape,
                     bench.model.decoder.num_layers, options.compute.dtype, bench.num_rows, bench.num_tokens,
                     bench.num_crops);
}

void print_speed(const TrainBenchCommandOptions& options, const train::TrainBenchOptions& bench, at::Device device) {
  const train::TrainSpeed speed = train::measure_train_speed(bench, device);
  if (options.json) {
    std::cout << format_json_line(Json{{"shape", options.shape},
                                       {"dtype", options.compute.dtype},
                                       {"step_seconds", speed.step_seconds},
                                       {"slowest_step_seconds", speed.slowest_seconds},
                                       {"tokens_per_s", speed.tokens_per_s},
                                       {"tflops", speed.flops_per_s / 1e12},
                                       {"peak_bytes", speed.peak_bytes},
                                       {"reserved_bytes", speed.reserved_bytes}})
              << "\n";
    return;
  }
  const auto bytes = [](int64_t count) { return format_bytes(static_cast<double>(count)); };
  std::cout << headline(options, bench)
            << fmt::format("step     {:9.3f} s ({:.3f} s the slowest), {:.1f} tokens/s, {:.3f} TFLOP/s of the model\n",
                           speed.step_seconds, speed.slowest_seconds, speed.tokens_per_s, speed.flops_per_s / 1e12)
            << fmt::format(
                   "memory   {} of tensors at the most{}\n", bytes(speed.peak_bytes),
                   speed.reserved_bytes > 0 ? fmt::format(", {} taken from the GPU", bytes(speed.reserved_bytes)) : "");
}

void print_unit_times(const TrainBenchCommandOptions& options, const train::TrainBenchOptions& bench,
                      at::Device device) {
  const std::vector<train::UnitTime> units = train::measure_unit_times(bench, device);
  if (!options.json) {
    std::cout << headline(options, bench)
              << fmt::format("{:48} {:>5} {:>12} {:>12}\n", "units", "", "forward, ms", "backward, ms");
  }
  for (const train::UnitTime& unit : units) {
    if (options.json) {
      std::cout << format_json_line(Json{{"units", unit.name},
                                         {"count", unit.count},
                                         {"forward_seconds", unit.forward_seconds},
                                         {"backward_seconds", unit.backward_seconds}})
                << "\n";
    } else {
      std::cout << fmt::format("{:48} {:5} {:12.2f} {:12.2f}\n", unit.name, unit.count, 1e3 * unit.forward_seconds,
                               1e3 * unit.backward_seconds);
    }
  }
}

void run_train_bench(const TrainBenchCommandOptions& options) {
  expect_single_process("bench train");
  if (options.by_unit && options.recompute) {
    throw Error(
        "[bench] --by-unit with --recompute, expected one of them: a recomputed forward would count as backward");
  }
  const bool is_planned =
      options.by_operator || options.ranks > 1 || options.replicas > 1 || options.gpu != kDefaultGpu;
  if (is_planned && !options.budget)
    throw Error("[bench] --gpu, --ranks, --replicas and --by-operator without --budget, expected it beside them");
  train::TrainBenchOptions bench = options.bench;
  bench.model = model::bench_shape(options.shape, options.layers);
  if (options.recompute) bench.recompute = {.decoder = 1, .vit = 1, .connector = true};
  if (options.budget) {
    bench.sharding.replicas = options.replicas;
    bench.compute = options.compute.dtype == "fp32" ? at::kFloat : at::kBFloat16;
    return print_budget({.shape = options.shape, .by_operator = options.by_operator, .json = options.json},
                        {.step = bench, .num_ranks = options.ranks, .machine = simulate::machine(options.gpu)});
  }
  const at::Device device = options.compute.open();
  bench.compute = options.compute.compute(device);
  options.by_unit ? print_unit_times(options, bench, device) : print_speed(options, bench, device);
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
  command.flag("--dropout", options->bench.drops,
               "dropout of 0.1 on the decoder's residual branches, as the paper has");
  command.option("--steps", options->bench.num_steps, "steps, of which the fastest counts").within(1, 100);
  command.flag("--recompute", options->recompute, "recompute all activations in backward");
  command.flag("--vary-lengths", options->bench.varies_lengths, "steps of rows of --tokens down to half of them");
  command.flag("--by-unit", options->by_unit, "the time of each kind of unit in one forward and backward");
  command.flag("--budget", options->budget,
               "count launches, bytes and FLOPs of a step on a simulated GPU, and predict its time");
  command.flag("--by-operator", options->by_operator, "with --budget: operators too");
  command.option("--gpu", options->gpu, "with --budget: H100-SXM, H100-PCIe, H200, B200, A100-80GB or A100-40GB");
  command.option("--ranks", options->ranks, "with --budget: GPUs of the run").within(1, 65536);
  command.option("--replicas", options->replicas, "with --budget: groups that each hold the model").within(1, 65536);
  command.flag("--json", options->json, "print one JSON object");
  options->compute.add_to(command);
  command.runs(options, run_train_bench);
}

}  // namespace molmo::commands
