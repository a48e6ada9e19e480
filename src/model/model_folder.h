// Model folders: molmo.json (complete configuration), config.json (where the HF format can say it), weights, tokenizer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/molmo_config.h"
#include "tensor/param_set.h"

namespace molmo::model {

/// Configuration of a model folder: molmo.json wins over config.json. Errors name what is missing.
config::MolmoConfig read_model_config(const std::filesystem::path& folder);

/// Writes molmo.json, config.json (if the HF format can express the model) and a copy of the tokenizer file.
/// `tokenizer_file` is where the tokenizer lies now; in the folder it keeps its name.
void write_model_config(const std::filesystem::path& folder, config::MolmoConfig config,
                        const std::filesystem::path& tokenizer_file);

}  // namespace molmo::model
