// Reads a tokenizer.json event by event: the vocabulary and the merges (some 300,000 entries) go straight into vectors,
// only the small rest becomes a JSON tree.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace molmo::text {

/// The raw content of a tokenizer.json.
struct TokenizerJson {
  std::shared_ptr<Json> rest;  ///< everything but model.vocab and model.merges
  bool has_vocab = false, has_merges = false;
  std::vector<std::pair<std::string, uint64_t>> vocab;      ///< model.vocab in file order
  std::vector<std::pair<std::string, std::string>> merges;  ///< model.merges, from "a b" or ["a", "b"]
};

/// Error naming `where` for malformed JSON, nesting beyond 64 levels, or a vocab or merges of another shape.
TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& where);

}  // namespace molmo::text
