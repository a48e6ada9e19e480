// What a recipe means once the models that it names are found.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/train_config.h"

namespace molmo::train {

/// The recipe with the model of `init_from` put in: model, preprocessing and tokenizer follow the weights. A fresh
/// model around the decoder of `init_llm_from` takes that folder's tokenizer, unless there is a file of the recipe's
/// own.
config::TrainConfig resolve_recipe(config::TrainConfig config);

}  // namespace molmo::train
