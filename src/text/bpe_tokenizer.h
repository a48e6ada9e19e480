// Byte-level BPE: text -> added tokens -> NFC -> words -> merges -> ids. A word is merged once and then remembered.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe_file.h"
#include "text/merge_table.h"
#include "text/regex_splitter.h"
#include "text/split_patterns.h"
#include "text/tokenizer.h"
#include "text/word_cache.h"

namespace molmo::text {

/// A HF `tokenizer.json` at work. Immutable but for its word caches, of which each running call takes one; safe to
/// share between threads.
class BpeTokenizer final : public Tokenizer {
 public:
  /// Error for a split pattern that Oniguruma refuses.
  explicit BpeTokenizer(const BpeFile& file);
  ~BpeTokenizer() override;

  std::vector<int64_t> encode(std::string_view text) const override { return encode_with(all_, text); }
  std::vector<int64_t> encode_text(std::string_view text) const override { return encode_with(plain_, text); }
  std::string find_special(std::string_view text) const override;
  std::string decode(std::span<const int64_t> ids, bool skip_special = false) const override;
  std::string token_bytes(int64_t id) const override;
  int64_t size() const override { return static_cast<int64_t>(pieces_.size()); }
  int64_t added_token_id(std::string_view content) const override;

 private:
  struct Scratch;  // what one running call needs: a word cache and buffers
  struct Split {
    SplitRule rule;
    std::optional<KnownPattern> known;
    std::optional<RegexSplitter> regex;  // where `known` is empty
  };
  enum Kind : uint8_t { kPlain, kAdded, kSpecial };

  /// Added tokens by the text that they are searched in.
  struct Finders {
    AddedTokenFinder raw, normalized;
  };

  void add_tokens(const std::vector<AddedToken>& tokens);
  std::vector<int64_t> encode_with(const Finders& finders, std::string_view text) const;
  void check_id(int64_t id) const;
  std::unique_ptr<Scratch> take_scratch() const;
  void encode_raw(std::string_view text, bool is_nfc, Scratch& scratch) const;
  void encode_normalized(std::string_view text, Scratch& scratch) const;
  void encode_words(std::string_view text, Scratch& scratch) const;
  void split_further(std::string_view text, size_t level, Scratch& scratch) const;
  void encode_word(std::string_view word, Scratch& scratch) const;
  void encode_new_word(std::string_view word, uint64_t hash, Scratch& scratch) const;
  void spell(std::string_view word, std::vector<uint32_t>* ids) const;

  MergeTable merges_;
  std::array<uint32_t, 256> byte_ids_;
  std::vector<std::string> pieces_;  // bytes by id
  std::vector<Kind> kinds_;          // by id
  std::vector<Split> splits_;
  std::unordered_map<std::string, int64_t> added_ids_;
  std::unordered_map<std::string_view, uint32_t> whole_words_;  // bytes -> id, where the file says ignore_merges
  Finders all_, plain_;                                         // plain: without the special ones
  AddedTokenFinder special_;
  std::optional<uint32_t> unk_id_;
  bool fuse_unk_, normalize_nfc_, add_prefix_space_;

  mutable std::mutex mutex_;  // of idle_
  mutable std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace molmo::text
