// Merges a recipe's keys below "molmo" with the model of `init_from`, whose weights decide most of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/train_config.h"

namespace molmo::train {

/// Puts the model, preprocessing and tokenizer of `source` into `recipe`, and keeps of the recipe's own
/// keys (`given`) those that leave the weights' meaning alone: dropouts, weights of the router's losses,
/// preprocessing. Each that differs is logged. Errors name every other key that says otherwise than `source`.
/// Without a `data.sequence_length` of the recipe the default goes no further than the model's positions.
void take_model(const config::MolmoConfig& source, const std::vector<std::string>& given, config::TrainConfig& recipe);

/// Sets the model's residual dropouts to those of the stage. Error: a recipe that says otherwise below "molmo".
void take_stage_dropouts(const std::vector<std::string>& given, config::TrainConfig& recipe);

}  // namespace molmo::train
