// SPDX-License-Identifier: Apache-2.0
#include "train/recipe.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "base/strings.h"
#include "config/load.h"
#include "config/model_files.h"
#include "config/validate.h"
#include "hub/find_model.h"
#include "molmo/error.h"
#include "train/model_keys.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

// The rules that tie the recipe to a model could not be checked before the model was known.
void expect_valid(config::TrainConfig config) {
  const std::string source = *config.init_from;
  config.init_from.reset();
  std::vector<std::string> problems;
  config::validate(config, problems);
  if (!problems.empty())
    throw Error(fmt::format("[train] the recipe with the model of {}: {}", source, join_text(problems, "; ")));
}

struct StartingModel {
  config::MolmoConfig molmo;
  fs::path tokenizer;
};

StartingModel source_of_model(const std::string& name) {
  const fs::path folder = hub::find_model(name);
  config::MolmoConfig molmo = config::read_model_config(folder);
  fs::path tokenizer = folder / molmo.tokenizer.file;
  return {std::move(molmo), std::move(tokenizer)};
}

std::optional<StartingModel> source_of_run(const fs::path& run) {
  if (run.empty() || !fs::exists(run / kRecipeFile)) return std::nullopt;
  config::MolmoConfig molmo = config::load_config<config::TrainConfig>(run / kRecipeFile).molmo;
  fs::path tokenizer = run / fs::path(molmo.tokenizer.file).filename();
  if (!fs::exists(tokenizer)) return std::nullopt;
  return StartingModel{std::move(molmo), std::move(tokenizer)};
}

// Keys that do not change what is learnt, beyond rounding; of those with a dot at the end, all below.
constexpr std::string_view kHarmless[] = {
    "log_every:",     "save_every:",      "save_minutes:",    "keep_checkpoints:",    "keep_best:",
    "max_bad_steps:", "peak_tflops:",     "evaluations",      "loss_evaluators",      "sharding.",
    "recompute.",     "micro_batch_size", "data.num_workers", "data.prefetch_batches"};

bool is_harmless(const std::string& change) {
  return std::ranges::any_of(kHarmless, [&](std::string_view key) { return change.starts_with(key); });
}

}  // namespace

void log_changes(const config::TrainConfig& before, const config::TrainConfig& now, const fs::path& file) {
  config::TrainConfig rest = now;
  rest.molmo.tokenizer.file = before.molmo.tokenizer.file;  // the run has a copy of its own
  rest.steps = before.steps;
  if (now.steps != before.steps)
    log_warning(fmt::format("[train] resumed with steps: {} -> {}{}", before.steps, now.steps,
                            now.optimizer.decay_steps
                                ? ""
                                : fmt::format(": the learning rates now fall until step {}; optimizer.decay_steps={} "
                                              "keeps them as they were",
                                              now.steps, before.steps)));
  for (const std::string& change : config::diff(before, rest)) {
    if (is_harmless(change)) {
      log_info(fmt::format("[train] resumed with {}", change));
    } else {
      log_warning(fmt::format("[train] resumed with another recipe than {}: {}", file.string(), change));
    }
  }
}

bool can_go_on(const fs::path& run) { return source_of_run(run).has_value(); }

config::TrainConfig resolve_recipe(config::TrainConfig config, const fs::path& run,
                                   const std::vector<std::string>& given) {
  config::MolmoConfig& molmo = config.molmo;
  take_stage_dropouts(given, config);
  const std::optional<StartingModel> begun = source_of_run(run);
  if (!config.init_from) {
    if (config.max_crops) molmo.preprocess.max_crops = *config.max_crops;
    std::string& tokenizer = molmo.tokenizer.file;
    if (config.init_llm_from && !fs::exists(tokenizer))
      tokenizer = begun ? begun->tokenizer : hub::find_model(*config.init_llm_from) / tokenizer;
    return config;
  }
  StartingModel source = begun ? *begun : source_of_model(*config.init_from);
  source.molmo.tokenizer.file = source.tokenizer;
  take_model(source.molmo, given, config);
  take_stage_dropouts({}, config);
  if (config.max_crops) molmo.preprocess.max_crops = *config.max_crops;
  expect_valid(config);
  return config;
}

}  // namespace molmo::train
