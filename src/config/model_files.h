// The files of a model folder that say how its model is built: molmo.json, Hugging Face's config.json with its
// companions, or the public code's config.yaml (docs/models.md).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/molmo_config.h"

namespace molmo::config {

inline constexpr const char* kMolmoFile = "molmo.json";
inline constexpr const char* kHfFile = "config.json";
inline constexpr const char* kNativeFiles[] = {"model.yaml", "config.yaml"};  ///< the public code prefers the first too

/// Whether a folder has one of these files. A run folder has a config.json too, which is a recipe.
bool holds_model_config(const std::filesystem::path& folder);

/// Configuration of a model folder: molmo.json, or else config.json with the generation_config.json and
/// preprocessor_config.json beside it, or else the public code's config.yaml. Logs once what these say that means
/// nothing here. Errors name what is missing; what a folder names lies in it: no "base", no tokenizer elsewhere.
MolmoConfig read_model_config(const std::filesystem::path& folder);

/// Logs fields of a file that are not known here; nothing where there are none.
void warn_of_unknown(const std::filesystem::path& file, const std::vector<std::string>& names);

}  // namespace molmo::config
