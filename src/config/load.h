// Config files: JSON with // comments, "base" inheritance and a.b=c overrides, into typed structs and back.
// Every problem of a file is reported at once, with the file, the key, and what is accepted.
// Defined for MolmoConfig, ModelConfig and TrainConfig (explicit instantiations in load.cc).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace molmo::config {

/// The resolved config; from_json() of it gives the same config.
template <class T>
Json to_json(const T& config);

/// Reads `json` over the defaults of T and validates. `where` names the source in problems.
template <class T>
T from_json(const Json& json, const std::string& where);

/// Reads a file, its chain of "base" files (paths relative to the file that names them; objects merge, everything else
/// is replaced), and then the overrides "a.b=c" (c is JSON if it parses as such, else a string).
template <class T>
T load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

/// "a.b: old -> new" for every key that differs.
template <class T>
std::vector<std::string> diff(const T& before, const T& after);

/// Every key with type, default, accepted values and meaning, one per line.
template <class T>
std::string help_keys();

/// The file and its bases merged, before it becomes a struct.
Json read_config_file(const std::filesystem::path& path);

}  // namespace molmo::config
