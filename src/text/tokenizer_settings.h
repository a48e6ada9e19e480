// tokenizer_config.json, which Hugging Face's loader reads beside the tokenizer's own file: what of it would change the
// tokens must agree with that file, or is refused by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"
#include "text/bpe_file.h"

namespace molmo::text {

/// The content of a folder's tokenizer_config.json; `json` is null where there is none.
struct TokenizerSettings {
  std::string where;
  std::shared_ptr<const Json> json;
};

/// Error if the file is there and is no JSON object.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder);

/// Error, naming the key, where the settings would give other tokens than tokenizer.json: do_lower_case,
/// add_prefix_space, and added tokens with another id, content, lstrip, rstrip, single_word, normalized or special.
/// add_bos_token and add_eos_token are not looked at: prompts get the model's own BOS and EOS.
void expect_agreement(const TokenizerSettings& settings, const BpeFile& file);

/// The same for a SentencePiece model: do_lower_case and a `legacy` that is false.
void expect_sentencepiece_settings(const TokenizerSettings& settings);

}  // namespace molmo::text
