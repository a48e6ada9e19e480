// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <charconv>

#include "base/check.h"
#include "molmo/error.h"
#include "text/sentencepiece_model.h"
#include "text/unicode.h"

namespace molmo::text {
namespace {

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581, stands for a space

absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }

std::string with_spaces(std::string_view piece) {
  std::string text;
  for (size_t at; (at = piece.find(kSpaceSymbol)) != std::string_view::npos;
       piece.remove_prefix(at + kSpaceSymbol.size())) {
    text.append(piece.substr(0, at)).push_back(' ');
  }
  return text.append(piece);
}

// The byte that a piece such as <0xE9> stands for.
char byte_of_piece(std::string_view piece) {
  unsigned value = 0;
  if (piece.size() == 6) std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
  return static_cast<char>(value);
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(std::string_view model, const std::string& where)
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()), where_(where) {
  expect_sound_tables(model, where);
  std::string problem;
  try {
    const auto status = processor_->LoadFromSerializedProto(as_absl(model));
    if (!status.ok()) problem = status.ToString();
  } catch (const std::exception& error) {  // of the trie that the library builds from the pieces
    problem = error.what();
  }
  if (!problem.empty()) throw Error(fmt::format("[text] {}: not a SentencePiece model: {}", where, problem));
  num_pieces_ = processor_->GetPieceSize();
  first_space_ = probe_first_space();
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

// The model's options are not in the library's interface: see what decoding does to a piece that begins with a space.
SentencePieceTokenizer::FirstSpace SentencePieceTokenizer::probe_first_space() const {
  for (int id = 0; id < num_pieces_; ++id) {
    const std::string& piece = processor_->IdToPiece(id);
    if (!piece.starts_with(kSpaceSymbol) || processor_->IsUnknown(id) || processor_->IsControl(id)) continue;
    if (decode_pieces({id}).size() == with_spaces(piece).size()) return FirstSpace::kKept;
    if (piece != kSpaceSymbol) continue;
    return decode_pieces({id, id}).empty() ? FirstSpace::kAllDropped : FirstSpace::kDropped;
  }
  return FirstSpace::kDropped;  // without a lone space among the pieces the two ways of dropping are the same
}

void SentencePieceTokenizer::add_tokens(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    MOLMO_CHECK(token.id <= size());
    if (token.id == size()) added_.push_back(token);
    finder_.add(token, token.content);
    added_ids_.emplace(token.content, token.id);
  }
}

int64_t SentencePieceTokenizer::piece_id(std::string_view piece) const {
  const int id = processor_->PieceToId(as_absl(piece));
  return id >= 0 && id < num_pieces_ && processor_->IdToPiece(id) == piece ? id : -1;
}

std::string SentencePieceTokenizer::find_special(std::string_view text) const {
  size_t from = 0;
  AddedTokenFinder::Match match;
  return finder_.find(text, 0, &from, &match) ? token_bytes(match.id) : "";
}

std::vector<int64_t> SentencePieceTokenizer::encode_with(const AddedTokenFinder& finder, std::string_view text) const {
  std::string well_formed;
  if (!scan_text(text).well_formed) {
    well_formed = replace_ill_formed(text);
    text = well_formed;
  }
  std::vector<int64_t> ids;
  std::vector<int> part;
  const auto encode_part = [&](std::string_view piece) {
    const auto status = processor_->Encode(as_absl(piece), &part);
    if (!status.ok()) throw Error(fmt::format("[text] {}: cannot encode: {}", where_, status.ToString()));
    ids.insert(ids.end(), part.begin(), part.end());
  };
  split_at_added_tokens(finder, text, encode_part, [&](int64_t id) { ids.push_back(id); });
  return ids;
}

std::string SentencePieceTokenizer::decode_pieces(const std::vector<int>& ids) const {
  std::string text;
  const auto status = processor_->Decode(ids, &text);
  if (!status.ok()) throw Error(fmt::format("[text] {}: cannot decode: {}", where_, status.ToString()));
  return text;
}

void SentencePieceTokenizer::check_id(int64_t id) const {
  if (id < 0 || id >= size()) throw Error(fmt::format("[text] cannot decode id {}, expected 0 to {}", id, size() - 1));
}

std::string SentencePieceTokenizer::decode(std::span<const int64_t> ids, bool skip_special) const {
  std::string text;
  std::vector<int> part;
  const auto flush = [&] {
    if (!part.empty()) text += decode_pieces(part);
    part.clear();
  };
  for (const int64_t id : ids) {
    check_id(id);
    if (id < num_pieces_) {
      part.push_back(static_cast<int>(id));
      continue;
    }
    const AddedToken& token = added_[static_cast<size_t>(id - num_pieces_)];
    if (skip_special && token.special) continue;
    flush();
    text += token.content;
  }
  flush();
  return text;
}

std::string SentencePieceTokenizer::token_bytes(int64_t id) const {
  check_id(id);
  if (id >= num_pieces_) return added_[static_cast<size_t>(id - num_pieces_)].content;
  const int piece = static_cast<int>(id);
  if (processor_->IsControl(piece)) return "";
  if (processor_->IsByte(piece)) return std::string(1, byte_of_piece(processor_->IdToPiece(piece)));
  if (processor_->IsUnknown(piece)) return decode_pieces({piece});
  return with_spaces(processor_->IdToPiece(piece));
}

std::string SentencePieceTokenizer::stream_bytes(int64_t id, bool* at_start) const {
  std::string bytes = token_bytes(id);
  if (id >= num_pieces_) return *at_start = true, bytes;
  const int piece = static_cast<int>(id);
  const bool is_text = !processor_->IsUnknown(piece) && !processor_->IsByte(piece);
  if (*at_start && is_text && first_space_ != FirstSpace::kKept && bytes.starts_with(' ')) {
    bytes.erase(0, 1);
    if (first_space_ == FirstSpace::kDropped) *at_start = false;
  }
  if (!bytes.empty()) *at_start = false;
  return bytes;
}

int64_t SentencePieceTokenizer::added_token_id(std::string_view content) const {
  const auto it = added_ids_.find(std::string(content));
  return it == added_ids_.end() ? -1 : it->second;
}

}  // namespace molmo::text
