// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_tokenizer.h"

#include <fmt/format.h>

#include "molmo/error.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace molmo::text {
namespace {

constexpr uint32_t kNoId = UINT32_MAX;

std::optional<KnownPattern> known_pattern(const SplitRule& rule) {
  if (!rule.keep_matches) return std::nullopt;
  if (rule.pattern == kGpt2Pattern) return KnownPattern::kGpt2;
  if (rule.pattern == kQwenPattern) return KnownPattern::kQwen;
  if (rule.pattern == kCl100kPattern) return KnownPattern::kCl100k;
  return std::nullopt;
}

// Calls `visit` for the words of a known pattern.
template <class Visit>
void for_each_known_word(KnownPattern pattern, std::string_view text, Visit&& visit) {
  switch (pattern) {
    case KnownPattern::kGpt2:
      return for_each_word<KnownPattern::kGpt2>(text, visit);
    case KnownPattern::kQwen:
      return for_each_word<KnownPattern::kQwen>(text, visit);
    case KnownPattern::kCl100k:
      return for_each_word<KnownPattern::kCl100k>(text, visit);
  }
}

}  // namespace

struct BpeTokenizer::Scratch {
  WordCache cache;
  const Finders* finders;
  std::vector<int64_t> ids;    // the result so far
  std::vector<uint32_t> word;  // ids of one word while it is merged
  std::string well_formed, normalized, prefixed;
};

BpeTokenizer::BpeTokenizer(const BpeFile& file)
    : merges_(file.merges),
      pieces_(file.pieces.size()),
      kinds_(file.pieces.size(), kPlain),
      unk_id_(file.unk_id),
      fuse_unk_(file.fuse_unk),
      normalize_nfc_(file.normalize_nfc),
      add_prefix_space_(file.add_prefix_space) {
  byte_ids_.fill(kNoId);
  for (size_t id = 0; id < pieces_.size(); ++id) {
    std::optional<std::string> bytes = bytes_of_piece(file.pieces[id]);
    if (bytes && bytes->size() == 1) byte_ids_[static_cast<unsigned char>((*bytes)[0])] = static_cast<uint32_t>(id);
    pieces_[id] = bytes ? std::move(*bytes) : file.pieces[id];
  }
  for (const SplitRule& rule : file.splits) {
    Split& split = splits_.emplace_back(Split{rule, known_pattern(rule), std::nullopt});
    if (!split.known) split.regex.emplace(rule.pattern, file.where);
  }
  add_tokens(file.added_tokens);
  if (!file.ignore_merges) return;
  for (size_t id = 0; id < pieces_.size(); ++id) {
    if (kinds_[id] == kPlain && !pieces_[id].empty()) whole_words_.emplace(pieces_[id], static_cast<uint32_t>(id));
  }
}

BpeTokenizer::~BpeTokenizer() = default;

void BpeTokenizer::add_tokens(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    kinds_[static_cast<size_t>(token.id)] = token.special ? kSpecial : kAdded;
    added_ids_.emplace(token.content, token.id);
    std::string searched = token.content;
    if (token.normalized && normalize_nfc_) {
      searched.clear();
      append_nfc(token.content, &searched);
    }
    if (token.special) special_.add(token, searched);
    for (Finders* finders : {&all_, &plain_}) {
      if (token.special && finders == &plain_) continue;
      (token.normalized ? finders->normalized : finders->raw).add(token, searched);
    }
  }
}

std::unique_ptr<BpeTokenizer::Scratch> BpeTokenizer::take_scratch() const {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Scratch>();
  std::unique_ptr<Scratch> scratch = std::move(idle_.back());
  idle_.pop_back();
  return scratch;
}

std::string BpeTokenizer::find_special(std::string_view text) const {
  size_t from = 0;
  AddedTokenFinder::Match match;
  return special_.find(text, 0, &from, &match) ? pieces_[static_cast<size_t>(match.id)] : "";
}

std::vector<int64_t> BpeTokenizer::encode_with(const Finders& finders, std::string_view text) const {
  std::unique_ptr<Scratch> scratch = take_scratch();
  scratch->finders = &finders;
  scratch->ids.clear();
  TextScan scan = scan_text(text);
  if (!scan.well_formed) {
    scratch->well_formed = replace_ill_formed(text);
    text = scratch->well_formed;
    scan = scan_text(text);
  }
  split_at_added_tokens(
      finders.raw, text, [&](std::string_view piece) { encode_raw(piece, scan.is_nfc, *scratch); },
      [&](int64_t id) { scratch->ids.push_back(id); });
  std::vector<int64_t> ids(scratch->ids.begin(), scratch->ids.end());
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(scratch));
  return ids;
}

void BpeTokenizer::encode_raw(std::string_view text, bool is_nfc, Scratch& scratch) const {
  if (!normalize_nfc_ || is_nfc) return encode_normalized(text, scratch);
  scratch.normalized.clear();
  append_nfc(text, &scratch.normalized);
  encode_normalized(scratch.normalized, scratch);
}

void BpeTokenizer::encode_normalized(std::string_view text, Scratch& scratch) const {
  split_at_added_tokens(
      scratch.finders->normalized, text, [&](std::string_view piece) { encode_words(piece, scratch); },
      [&](int64_t id) { scratch.ids.push_back(id); });
}

void BpeTokenizer::encode_words(std::string_view text, Scratch& scratch) const {
  if (add_prefix_space_ && text[0] != ' ') {
    scratch.prefixed.assign(1, ' ').append(text);
    text = scratch.prefixed;
  }
  if (splits_.size() != 1 || !splits_[0].known) return split_further(text, 0, scratch);
  for_each_known_word(*splits_[0].known, text, [&](std::string_view word) { encode_word(word, scratch); });
}

void BpeTokenizer::split_further(std::string_view text, size_t level, Scratch& scratch) const {
  if (level == splits_.size()) return encode_word(text, scratch);
  const Split& split = splits_[level];
  if (split.known) {
    return for_each_known_word(*split.known, text,
                               [&](std::string_view word) { split_further(word, level + 1, scratch); });
  }
  split.regex->for_each_piece(text, [&](std::string_view piece, bool is_match) {
    if (is_match ? split.rule.keep_matches : split.rule.keep_gaps) split_further(piece, level + 1, scratch);
  });
}

inline void BpeTokenizer::encode_word(std::string_view word, Scratch& scratch) const {
  const uint32_t single = byte_ids_[static_cast<unsigned char>(word[0])];
  if (word.size() == 1 && single != kNoId) return scratch.ids.push_back(single);
  const uint64_t hash = WordCache::hash(word);
  const std::span<const uint32_t> known = scratch.cache.find(word, hash);
  if (known.empty()) return encode_new_word(word, hash, scratch);
  for (const uint32_t id : known) scratch.ids.push_back(id);
}

void BpeTokenizer::encode_new_word(std::string_view word, uint64_t hash, Scratch& scratch) const {
  scratch.word.clear();
  const auto whole = whole_words_.empty() ? whole_words_.end() : whole_words_.find(word);
  if (whole != whole_words_.end()) {
    scratch.word.push_back(whole->second);
  } else {
    spell(word, &scratch.word);
    scratch.word.resize(merges_.merge(scratch.word));
  }
  scratch.ids.insert(scratch.ids.end(), scratch.word.begin(), scratch.word.end());
  scratch.cache.insert(word, hash, scratch.word);
}

void BpeTokenizer::spell(std::string_view word, std::vector<uint32_t>* ids) const {
  bool after_unknown = false;
  for (const char byte : word) {
    const uint32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    if (id != kNoId) ids->push_back(id);
    if (id == kNoId && unk_id_ && !(fuse_unk_ && after_unknown)) ids->push_back(*unk_id_);
    after_unknown = id == kNoId;
  }
}

void BpeTokenizer::check_id(int64_t id) const {
  if (id < 0 || id >= size()) throw Error(fmt::format("[text] cannot decode id {}, expected 0 to {}", id, size() - 1));
}

std::string BpeTokenizer::decode(std::span<const int64_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int64_t id : ids) {
    check_id(id);
    if (!skip_special || kinds_[static_cast<size_t>(id)] != kSpecial) bytes += pieces_[static_cast<size_t>(id)];
  }
  return replace_ill_formed(bytes);
}

std::string BpeTokenizer::token_bytes(int64_t id) const {
  check_id(id);
  return pieces_[static_cast<size_t>(id)];
}

int64_t BpeTokenizer::added_token_id(std::string_view content) const {
  const auto it = added_ids_.find(std::string(content));
  return it == added_ids_.end() ? -1 : it->second;
}

}  // namespace molmo::text
