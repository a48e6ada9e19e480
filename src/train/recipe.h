// Resolves a recipe: what it means once the models that it names are known.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/train_config.h"

namespace molmo::train {

/// In a run folder: the recipe as it was resolved.
inline constexpr const char* kRecipeFile = "config.json";

/// The recipe with the model of `init_from` put in: model, preprocessing and tokenizer follow the weights, but for what
/// the recipe may set itself (train/model_keys.h; `given`: the keys that it has, config::given_keys()). A fresh
/// model around the decoder of `init_llm_from` takes that folder's tokenizer, unless there is a file of the recipe's
/// own. `run`: the folder of a run that goes on from a complete step, or empty. It knows its model and has its
/// tokenizer, whether or not what it began with is still there.
config::TrainConfig resolve_recipe(config::TrainConfig config, const std::filesystem::path& run = {},
                                   const std::vector<std::string>& given = {});

/// Whether a run folder has all that a run needs to go on.
bool can_go_on(const std::filesystem::path& run);

/// Logs every key that differs from `file`, the recipe of the last start; as a warning where it changes what is learnt.
void log_changes(const config::TrainConfig& before, const config::TrainConfig& now, const std::filesystem::path& file);

}  // namespace molmo::train
