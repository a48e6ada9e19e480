// SPDX-License-Identifier: Apache-2.0
#include "train/recipe.h"

#include <filesystem>

#include "base/strings.h"
#include "config/validate.h"
#include "hub/find_model.h"
#include "model/model_folder.h"
#include "molmo/error.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

// The rules that tie the recipe to a model could not be checked before the model was known.
void expect_valid(config::TrainConfig config, const fs::path& folder) {
  config.init_from.reset();
  std::vector<std::string> problems;
  config::validate(config, problems);
  if (!problems.empty())
    throw Error(fmt::format("[train] the recipe with the model of {}: {}", folder.string(), join_text(problems, "; ")));
}

}  // namespace

config::TrainConfig resolve_recipe(config::TrainConfig config) {
  if (config.max_crops) config.molmo.preprocess.max_crops = *config.max_crops;
  std::string& tokenizer = config.molmo.tokenizer.file;
  if (!config.init_from && config.init_llm_from && !fs::exists(tokenizer))
    tokenizer = (hub::find_model(*config.init_llm_from) / tokenizer).string();
  if (!config.init_from) return config;
  const fs::path folder = hub::find_model(*config.init_from);
  const config::MolmoConfig source = model::read_model_config(folder);
  config.molmo.model = source.model;
  config.molmo.preprocess = source.preprocess;
  if (config.max_crops) config.molmo.preprocess.max_crops = *config.max_crops;
  config.molmo.tokenizer = source.tokenizer;
  config.molmo.tokenizer.file = (folder / source.tokenizer.file).string();
  expect_valid(config, folder);
  return config;
}

}  // namespace molmo::train
