// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "config/load.h"
#include "data/loader_bench.h"
#include "text/load_tokenizer.h"
#include "train/recipe.h"

namespace molmo::commands {
namespace {

struct DataBenchOptions {
  std::string recipe;
  std::vector<std::string> overrides;
  int steps = 20;
  bool json = false;
};

void run_data_bench(const DataBenchOptions& options) {
  expect_single_process("bench data");
  const auto recipe = train::resolve_recipe(config::load_config<config::TrainConfig>(options.recipe, options.overrides),
                                            {}, config::given_keys(options.recipe, options.overrides));
  const text::MolmoTokenizer tokenizer = text::load_tokenizer("", recipe.molmo.tokenizer);
  const data::LoaderSpeed speed = data::measure_loader_speed(recipe, tokenizer, options.steps);
  const auto per_second = [&](int64_t count) { return static_cast<double>(count) / speed.seconds; };
  const data::UsefulShares& shares = speed.shares;
  if (options.json) {
    std::cout << format_json_line(Json{{"examples_per_s", per_second(speed.num_examples)},
                                       {"tokens_per_s", per_second(speed.num_tokens)},
                                       {"crops_per_s", per_second(speed.num_crops)},
                                       {"useful_share",
                                        {{"packed", 1.0},
                                         {"micro_batch", shares.micro_batch},
                                         {"update", shares.update},
                                         {"fixed", shares.fixed}}},
                                       {"packed_fill", shares.packed_fill},
                                       {"rows_per_example_packed", shares.packed_rows},
                                       {"stage_ms",
                                        {{"decode", speed.decode_ms},
                                         {"crops", speed.crops_ms},
                                         {"text", speed.text_ms},
                                         {"collate", speed.collate_ms}}}})
              << "\n";
    return;
  }
  std::cout << fmt::format(
      "{} updates, {} examples, {} workers\n{:.1f} examples/s, {:.0f} tokens/s, {:.1f} crops/s\n"
      "useful tokens: 100 % in packed rows (which fill {:.1f} % of their limit); of rows padded to the longest of a "
      "micro-batch {:.1f} %, of an update {:.1f} %, to {} {:.1f} %\n"
      "one worker, per example: decode {:.2f} ms, crops {:.2f} ms, text {:.2f} ms, collate {:.2f} ms\n",
      options.steps, speed.num_examples, recipe.data.num_workers, per_second(speed.num_examples),
      per_second(speed.num_tokens), per_second(speed.num_crops), 100 * shares.packed_fill, 100 * shares.micro_batch,
      100 * shares.update, recipe.data.sequence_length, 100 * shares.fixed, speed.decode_ms, speed.crops_ms,
      speed.text_ms, speed.collate_ms);
}

}  // namespace

void add_data_bench(cli::Command& bench) {
  auto options = std::make_shared<DataBenchOptions>();
  cli::Command command =
      bench.subcommand("data", "measure the loading of a recipe's batches: rates, time by stage, share of padding");
  command.option("RECIPE", options->recipe, "recipe, JSON with // comments").required();
  command.option("--set", options->overrides, "override a key: a.b=value (repeatable)").one_value_each();
  command.option("--steps", options->steps, "updates to draw").within(1, 100000);
  command.flag("--json", options->json, "print one JSON object");
  command.runs(options, run_data_bench);
}

}  // namespace molmo::commands
