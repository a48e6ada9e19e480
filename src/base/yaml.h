// YAML as JSON: what the public training code writes its configurations in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace molmo {

/// Parses `text`: mappings, sequences, and plain scalars as null, booleans, numbers or text (quoted ones are text).
/// Errors, with line and column: no YAML; more than 256 levels or a million nodes, aliases expanded.
Json parse_yaml(const std::string& text, const std::string& where);

/// Reads and parses a file.
Json read_yaml(const std::filesystem::path& path);

}  // namespace molmo
