// SentencePiece models (unigram or BPE) behind the Tokenizer interface, with added tokens matched literally before
// them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/tokenizer.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace molmo::text {

/// A SentencePiece `.model` at work (libsentencepiece). Text between added tokens is encoded on its own.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  /// `model` is the serialised protobuf. Error naming `where` if it is none.
  SentencePieceTokenizer(std::string_view model, const std::string& where);
  ~SentencePieceTokenizer() override;

  /// Adds tokens; call before the tokenizer is shared. Ids beyond the model must continue it without holes.
  void add_tokens(const std::vector<AddedToken>& tokens);

  /// Id of a piece of the model, or -1.
  int64_t piece_id(std::string_view piece) const;

  std::vector<int64_t> encode(std::string_view text) const override { return encode_with(finder_, text); }
  std::vector<int64_t> encode_text(std::string_view text) const override { return encode_with({}, text); }
  std::string find_special(std::string_view text) const override;
  std::string decode(std::span<const int64_t> ids, bool skip_special = false) const override;
  std::string token_bytes(int64_t id) const override;
  std::string stream_bytes(int64_t id, bool* at_start) const override;
  bool replaces_each_byte() const override { return true; }
  int64_t size() const override { return num_pieces_ + static_cast<int64_t>(added_.size()); }
  int64_t added_token_id(std::string_view content) const override;

 private:
  // What decoding does with the space that begins a text.
  enum class FirstSpace { kKept, kDropped, kAllDropped };

  std::vector<int64_t> encode_with(const AddedTokenFinder& finder, std::string_view text) const;
  void check_id(int64_t id) const;
  FirstSpace probe_first_space() const;
  std::string decode_pieces(const std::vector<int>& ids) const;

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::string where_;
  int64_t num_pieces_ = 0;
  FirstSpace first_space_ = FirstSpace::kKept;
  AddedTokenFinder finder_;
  std::vector<AddedToken> added_;  // beyond the model; id = num_pieces_ + index
  std::unordered_map<std::string, int64_t> added_ids_;
};

}  // namespace molmo::text
