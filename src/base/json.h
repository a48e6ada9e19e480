// JSON as every part of the program reads it: nlohmann's ordered_json (keys keep their order in files we write) from
// one strict parser. What would be ambiguous is an error that names the source, line, column and key.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace molmo {

using Json = nlohmann::ordered_json;

/// Parses `text`; `//` and `/* */` comments and a UTF-8 byte order mark are skipped. An Error "[json]
/// where:line:column: key: problem" for what is no JSON, a key twice in one object, NaN and infinities, numbers beyond
/// double, text that is not UTF-8, and more than 256 levels.
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file.
Json read_json(const std::filesystem::path& path);

/// `text` without a UTF-8 byte order mark. Error, naming the encoding, for UTF-16 and UTF-32 (with or without a mark).
std::string_view expect_utf8(std::string_view text, const std::string& where);

/// Calls `visit(number, line)` for the lines that are not blank, numbered from 1 and split at '\n' only.
void for_each_line(std::string_view text, const std::function<void(size_t, std::string_view)>& visit);

/// Calls `visit(line_number, json)` for every line of a JSON-lines file that is not blank.
void for_each_json_line(const std::filesystem::path& path, const std::function<void(size_t, const Json&)>& visit);

/// A value as a message shows it: on one line and short.
std::string brief(const Json& value);

/// Writes pretty-printed JSON atomically, with a final newline.
void write_json(const std::filesystem::path& path, const Json& json);

/// Formats one line (no newline); invalid UTF-8 becomes U+FFFD instead of an exception.
std::string format_json_line(const Json& json);

}  // namespace molmo
