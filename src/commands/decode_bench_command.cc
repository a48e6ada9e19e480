// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "generate/decode_bench.h"
#include "model/bench_shape.h"

namespace molmo::commands {
namespace {

struct DecodeBenchCommandOptions {
  std::string shape = "0.15b";
  int layers = 0;
  generate::DecodeBenchOptions bench;
  ComputeOptions compute;
  bool json = false;
};

void run_decode_bench(const DecodeBenchCommandOptions& options) {
  expect_single_process("bench decode");
  generate::DecodeBenchOptions bench = options.bench;
  bench.model = model::bench_shape(options.shape, options.layers);
  bench.device = options.compute.open();
  bench.compute = options.compute.compute(bench.device);
  const generate::DecodeSpeed speed = generate::measure_decode_speed(bench);
  const double share = speed.weight_gb_per_s / speed.memory_gb_per_s;
  if (options.json) {
    std::cout << format_json_line(Json{{"shape", options.shape},
                                       {"dtype", options.compute.dtype},
                                       {"rows", bench.num_rows},
                                       {"prefill_tokens_per_s", speed.prefill_tokens_per_s},
                                       {"encode_seconds", speed.encode_seconds},
                                       {"decode_tokens_per_s", speed.decode_tokens_per_s},
                                       {"weight_gb_per_s", speed.weight_gb_per_s},
                                       {"memory_gb_per_s", speed.memory_gb_per_s},
                                       {"peak_bytes", speed.peak_bytes},
                                       {"planned_bytes", speed.plan.total()}})
              << "\n";
    return;
  }
  std::cout
      << fmt::format(
             "shape {}, {}, {} prompts of {} tokens with {} crops each, {} new tokens after the first, best of {}\n",
             options.shape, options.compute.dtype, bench.num_rows, bench.num_prompt_tokens, bench.num_crops,
             bench.num_new_tokens, bench.num_repeats)
      << fmt::format("prefill  {:9.1f} tokens/s, pictures included ({:.0f} ms of them)\n", speed.prefill_tokens_per_s,
                     1e3 * speed.encode_seconds)
      << fmt::format(
             "decode   {:9.1f} tokens/s: {:.1f} GB/s of weights, {:.0f} % of the {:.1f} GB/s that a reading loop "
             "gets\n",
             speed.decode_tokens_per_s, speed.weight_gb_per_s, 100 * share, speed.memory_gb_per_s)
      << fmt::format(
             "memory   {} of tensors at the most, {:.2f} times the plan (weights {}, cache {}, activations {})\n",
             format_bytes(static_cast<double>(speed.peak_bytes)),
             static_cast<double>(speed.peak_bytes) / static_cast<double>(speed.plan.total()),
             format_bytes(static_cast<double>(speed.plan.weights)), format_bytes(static_cast<double>(speed.plan.cache)),
             format_bytes(static_cast<double>(speed.plan.activations)));
}

}  // namespace

void add_decode_bench(cli::Command& bench) {
  auto options = std::make_shared<DecodeBenchCommandOptions>();
  cli::Command command = bench.subcommand("decode", "measure prefill and decode of a model with random weights");
  command.option("--shape", options->shape, "tiny, 0.15b, or a preset (molmo-7b-d)");
  command.option("--layers", options->layers, "decoder layers in place of the shape's; 0: all").within(0, 1000);
  command.option("--rows", options->bench.num_rows, "batch size in prompts").within(1, 1024);
  command.option("--crops", options->bench.num_crops, "336-pixel crops in each prompt").within(0, 64);
  command.option("--prompt-tokens", options->bench.num_prompt_tokens, "prompt length in tokens, image tokens included")
      .within(1, 4000);
  command.option("--new-tokens", options->bench.num_new_tokens, "tokens decoded after the first").within(1, 4000);
  command.option("--repeats", options->bench.num_repeats, "measurements, of which the best counts").within(1, 100);
  command.flag("--json", options->json, "print one JSON object");
  options->compute.add_to(command);
  command.runs(options, run_decode_bench);
}

}  // namespace molmo::commands
