// Model folders: molmo.json (complete configuration), config.json (where the HF format can say it), weights, tokenizer.
// config/model_files.h reads them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/molmo_config.h"
#include "tensor/param_set.h"

namespace molmo::model {

/// Writes molmo.json, config.json (if the HF format can express the model) and a copy of the tokenizer file, if there
/// is one. `tokenizer_file` is where the tokenizer lies now; in the folder it keeps its name.
void write_model_config(const std::filesystem::path& folder, config::MolmoConfig config,
                        const std::filesystem::path& tokenizer_file);

/// Compares the configuration beside a part's weights with that of the model that they are read into: the decoder's, or
/// tower's and connector's. Errors name each setting that computes something else; where there is no configuration, a
/// warning says so. `path`: a folder or a file in it.
void expect_part_fits(const std::filesystem::path& path, const config::ModelConfig& model, bool is_decoder);

}  // namespace molmo::model
