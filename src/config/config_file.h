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

/// Sources of keys, the weakest first: (name for problems, JSON object).
using ConfigLayers = std::vector<std::pair<std::string, Json>>;

/// Reads a file and its chain of bases ("base" is relative to the file that names it), each a layer that comes after
/// its base. Errors: a missing base, a cycle.
ConfigLayers read_layers(const std::filesystem::path& path);

/// A layer for each override "a.b=c", named "--set a.b=c": {"a": {"b": c}}, where c is JSON if it parses as such, else
/// a string. Error for an override without '=' or with an empty name.
ConfigLayers parse_overrides(const std::vector<std::string>& overrides);

/// Objects merge key by key, everything else is replaced.
Json merge_layers(const ConfigLayers& layers);

/// An override's null for a key that has no null among its values: it removes the key.
struct RemovedKey {
  std::string key;        ///< "data.datasets.easy"
  bool is_entry = false;  ///< of an object with free names; else a field of ours, which is back at its default
};

/// Merges an override into `target`. Objects merge, but {} empties the object that it is given for; keys of `removed`
/// go. Error, naming `where`, for an entry to remove that is not there.
void apply_override(Json& target, const Json& override, const std::vector<RemovedKey>& removed,
                    const std::string& where);

/// The keys of `json` that have a value which is no object, in order: "molmo.model.decoder.width".
std::vector<std::string> keys_of(const Json& json);

/// The file and its bases merged.
Json read_config_file(const std::filesystem::path& path);

}  // namespace molmo::config
