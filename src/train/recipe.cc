// SPDX-License-Identifier: Apache-2.0
#include "train/recipe.h"

#include <optional>

#include "base/strings.h"
#include "config/load.h"
#include "config/validate.h"
#include "hub/find_model.h"
#include "model/model_folder.h"
#include "molmo/error.h"
#include "train/model_keys.h"
#include "train/step_folders.h"

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

struct Source {
  config::MolmoConfig molmo;
  fs::path tokenizer;
};

Source source_of_model(const std::string& name) {
  const fs::path folder = hub::find_model(name);
  config::MolmoConfig molmo = model::read_model_config(folder);
  fs::path tokenizer = folder / molmo.tokenizer.file;
  return {std::move(molmo), std::move(tokenizer)};
}

std::optional<Source> source_of_run(const fs::path& run) {
  if (run.empty() || complete_steps(run).empty() || !fs::exists(run / kRecipeFile)) return std::nullopt;
  config::MolmoConfig molmo = config::load_config<config::TrainConfig>(run / kRecipeFile).molmo;
  fs::path tokenizer = run / fs::path(molmo.tokenizer.file).filename();
  if (!fs::exists(tokenizer)) return std::nullopt;
  return Source{std::move(molmo), std::move(tokenizer)};
}

}  // namespace

bool can_go_on(const fs::path& run) { return source_of_run(run).has_value(); }

config::TrainConfig resolve_recipe(config::TrainConfig config, const fs::path& run,
                                   const std::vector<std::string>& given) {
  config::MolmoConfig& molmo = config.molmo;
  take_stage_dropouts(given, config);
  const std::optional<Source> begun = source_of_run(run);
  if (!config.init_from) {
    if (config.max_crops) molmo.preprocess.max_crops = *config.max_crops;
    std::string& tokenizer = molmo.tokenizer.file;
    if (config.init_llm_from && !fs::exists(tokenizer))
      tokenizer = begun ? begun->tokenizer : hub::find_model(*config.init_llm_from) / tokenizer;
    return config;
  }
  Source source = begun ? *begun : source_of_model(*config.init_from);
  source.molmo.tokenizer.file = source.tokenizer;
  take_model(source.molmo, given, config);
  take_stage_dropouts({}, config);
  if (config.max_crops) molmo.preprocess.max_crops = *config.max_crops;
  expect_valid(config);
  return config;
}

}  // namespace molmo::train
