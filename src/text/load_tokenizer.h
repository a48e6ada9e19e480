// Loads tokenizer files as they are, without Molmo's extension (which text/tokenizer.h loads).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace molmo::text {

/// Makes a tokenizer from the content of a tokenizer.json (plain or gzip) or of a SentencePiece .model. Errors name
/// `where`.
std::shared_ptr<const Tokenizer> parse_tokenizer(std::string content, const std::string& where);

/// The tokenizer's file in a model folder. Error unless `file` is a plain name: what a downloaded model says must not
/// lead out of its folder. An empty `folder` takes any path (that of a recipe).
std::filesystem::path tokenizer_path(const std::filesystem::path& folder, const std::string& file);

/// Loads such a file.
std::shared_ptr<const Tokenizer> load_plain_tokenizer(const std::filesystem::path& path);

}  // namespace molmo::text
