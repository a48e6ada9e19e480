// The content of a HF `tokenizer.json` with a byte-level BPE model, checked but not yet indexed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/merge_table.h"

namespace molmo::text {

/// One split step of the pre-tokenizer.
struct SplitRule {
  std::string pattern;       ///< a regular expression
  bool keep_matches = true;  ///< matches become words
  bool keep_gaps = true;     ///< the text between matches becomes words
};

/// What tokenizer.json says. Source: the file format of HF `tokenizers`.
struct BpeFile {
  std::string where;                ///< names the file in errors
  std::vector<std::string> pieces;  ///< by id, bytes in GPT-2's alphabet; empty where the file leaves a hole
  std::vector<Merge> merges;        ///< by rank
  std::vector<AddedToken> added_tokens;
  std::vector<SplitRule> splits;   ///< applied one after the other
  std::optional<uint32_t> unk_id;  ///< stands for bytes without a piece; without it they vanish
  bool fuse_unk = false;           ///< neighbouring unknown bytes become one unk_id
  bool normalize_nfc = false;
  bool add_prefix_space = false;  ///< a space before text that does not begin with one
  bool ignore_merges = false;     ///< a word that is a piece is that piece, whatever the merges say
};

/// Parses the text of a tokenizer.json. Errors name `where` and the key: malformed JSON, missing keys, ids that are
/// taken twice, merges of unknown pieces, features beyond byte-level BPE.
BpeFile parse_bpe_file(std::string_view text, const std::string& where);

}  // namespace molmo::text
