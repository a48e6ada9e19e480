// Config files: JSON with // comments, "base" inheritance and a.b=c overrides, into typed structs and back.
// Every problem of a file is reported at once, with the file, the key, and what is accepted.
// Defined for MolmoConfig, ModelConfig and TrainConfig (explicit instantiations in load.cc).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/config_file.h"

namespace molmo::config {

/// The resolved config; from_json() of it gives the same config.
template <class T>
Json to_json(const T& config);

/// Reads `json` over the defaults of T and validates. `where` names the source in problems. Throws one Error with a
/// line per problem: "[config] sft.json: unknown key 'optimizer.llm.epz' (did you mean 'optimizer.llm.eps'?)".
template <class T>
T from_json(const Json& json, const std::string& where);

/// Reads a file, its chain of "base" files (paths relative to the file that names them; objects merge, everything else
/// is replaced), and then the overrides "a.b=c" (c is JSON if it parses as such, else a string). An override merges
/// objects too, but "a={}" empties an object, and "a=null" removes a key that does not take null: it has its default
/// again, and an entry of an object with free names is gone. A problem names the file or the override that holds the
/// key.
template <class T>
T load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

/// The same for a config that comes from no such file; `where` names it in problems.
template <class T>
T override_config(const T& config, const std::vector<std::string>& overrides, const std::string& where);

/// The keys that a recipe and its overrides give a value, in order: "molmo.model.decoder.width".
std::vector<std::string> given_keys(const std::filesystem::path& path, const std::vector<std::string>& overrides);

/// "a.b: old -> new" for every key that differs.
template <class T>
std::vector<std::string> diff(const T& before, const T& after);

/// Whether every key has the same value.
template <class T>
bool is_same(const T& a, const T& b);

/// Every key with type, default, accepted values and meaning, one per line; of these the keys in which a name begins
/// with `prefix`. Error where none does.
template <class T>
std::string help_keys(const std::string& prefix = "");

}  // namespace molmo::config
