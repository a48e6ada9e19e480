// The strict parser behind base/json.h, for readers that collect mistakes instead of ending at the first.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace molmo {

/// The first mistake in a JSON text.
struct JsonMistake {
  size_t offset = 0;    ///< in bytes
  std::string key;      ///< path of the value at hand, "points[0].label"; empty at the top
  std::string problem;  ///< "is duplicated in one object, expected it once"
};

/// What the text is: decides about the words for a value that ends too early or is followed by another.
enum class JsonText { kWhole, kLine };

/// Parses one value into `*json`, or returns the first mistake (see parse_json).
std::optional<JsonMistake> try_parse_json(std::string_view text, JsonText kind, Json* json);

/// What is wrong at `offset`, where nlohmann's lexer stopped with `what`. For readers that take its events themselves.
std::string describe_syntax_error(std::string_view text, size_t offset, const std::string& what, JsonText kind);

}  // namespace molmo
