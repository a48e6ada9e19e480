// JSON behind one door: nlohmann's ordered_json (keys keep their order in files we write), with our errors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace molmo {

using Json = nlohmann::ordered_json;

/// What becomes of a key that comes twice in one object. Files that people write should not have one.
enum class RepeatedKeys { kLastWins, kError };

/// Parses `text`; `//` and `/* */` comments are allowed. `where` names the source in the error, with line and column.
/// More than 256 levels are an error.
Json parse_json(std::string_view text, const std::string& where, RepeatedKeys repeated_keys = RepeatedKeys::kLastWins);

/// Reads and parses a file.
Json read_json(const std::filesystem::path& path, RepeatedKeys repeated_keys = RepeatedKeys::kLastWins);

/// Writes pretty-printed JSON atomically, with a final newline.
void write_json(const std::filesystem::path& path, const Json& json);

/// Formats one line (no newline); invalid UTF-8 becomes U+FFFD instead of an exception.
std::string format_json_line(const Json& json);

/// Calls `visit(line_number, json)` for every non-empty line of a JSON-lines file, split at '\n' only.
void for_each_json_line(const std::filesystem::path& path, const std::function<void(size_t, const Json&)>& visit);

}  // namespace molmo
