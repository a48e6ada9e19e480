// A config file as JSON: its chain of "base" files, the "--set" overrides, and how they merge. load.h turns that into
// structs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace molmo::config {

/// Sources of keys, the weakest first: (name for problems, JSON object). A file comes behind its "base", and every
/// override "a.b=c" is a source of its own, named "--set a.b=c".
using ConfigLayers = std::vector<std::pair<std::string, Json>>;

/// Reads a file and its chain of bases ("base" is relative to the file that names it), then the overrides: the value is
/// JSON if it parses as such, else a string. Errors: a missing base, a cycle, an override without '='.
ConfigLayers read_layers(const std::filesystem::path& path, const std::vector<std::string>& overrides);

/// Objects merge key by key, everything else is replaced.
Json merge_layers(const ConfigLayers& layers);

/// The keys that a recipe gives a value, in order: "molmo.model.decoder.width".
std::vector<std::string> given_keys(const std::filesystem::path& path, const std::vector<std::string>& overrides);

/// The file and its bases merged.
Json read_config_file(const std::filesystem::path& path);

}  // namespace molmo::config
