// The tokenizer interface that the rest of the program sees, and the model's special tokens.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/input_config.h"

namespace molmo::text {

/// Text to ids and back. Implementations are immutable and safe to share between threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Encodes UTF-8 (ill-formed bytes become U+FFFD first); adds no BOS or EOS. Added tokens in the text become their
  /// ids.
  virtual std::vector<int64_t> encode(std::string_view text) const = 0;

  /// Like encode(), but the text of a special token ("<|image|>", "<|endoftext|>") stays text, as in what people and
  /// data say. Added tokens that are not special are tokens still.
  virtual std::vector<int64_t> encode_text(std::string_view text) const { return encode(text); }

  /// The first special token whose text `text` holds; empty where it holds none.
  virtual std::string find_special(std::string_view /*text*/) const { return ""; }

  /// Decodes ids. Unknown ids (negative or beyond the vocabulary) are an Error.
  virtual std::string decode(std::span<const int64_t> ids, bool skip_special = false) const = 0;

  /// The raw bytes of one id (a byte-level piece may be an incomplete UTF-8 sequence); used by StreamDecoder.
  virtual std::string token_bytes(int64_t id) const = 0;

  /// Like token_bytes, but for a token of a stream: `*at_start` says whether a text begins here (SentencePiece drops
  /// the space that it put there) and is updated.
  virtual std::string stream_bytes(int64_t id, bool* at_start) const { return *at_start = false, token_bytes(id); }

  /// Whether decoding replaces every ill-formed byte by U+FFFD, rather than every maximal ill-formed subpart.
  virtual bool replaces_each_byte() const { return false; }

  /// Number of ids, special and filler tokens included.
  virtual int64_t size() const = 0;

  /// Id of an added (special) token, or -1.
  virtual int64_t added_token_id(std::string_view content) const = 0;
};

/// Ids of the five image tokens and of BOS and EOS. Facts: spec/preprocess.md §3.1.
struct SpecialTokens {
  int64_t im_start = -1, im_end = -1, im_patch = -1, im_col = -1, image = -1;
  int64_t bos = -1, eos = -1;
};

inline constexpr std::string_view kImageTokens[] = {"<im_start>", "<im_end>", "<im_patch>", "<im_col>", "<|image|>"};

/// A tokenizer with Molmo's extension (kept added tokens, fillers, image tokens) and the ids that follow from it.
struct MolmoTokenizer {
  std::shared_ptr<const Tokenizer> tokenizer;
  SpecialTokens special;

  /// Decodes a model's answer: drops one leading token if it is EOS = BOS, cuts at the first EOS.
  std::string decode_answer(std::span<const int64_t> ids) const;

  /// Decodes everything but BOS and EOS, wherever they stand; other special tokens stay in the text.
  std::string decode_all(std::span<const int64_t> ids) const;
};

/// Loads config.file below `folder` (tokenizer.json or a SentencePiece .model, by content) and extends it.
/// Errors: missing or malformed file; image tokens that do not land on consecutive ids.
MolmoTokenizer load_tokenizer(const std::filesystem::path& folder, const config::TokenizerConfig& config);

/// Error unless the image tokens start where the model's base table of `vocab_size` entries ends. `where` is the file.
void expect_vocabulary(const MolmoTokenizer& tokenizer, const std::string& where, int64_t vocab_size);

/// Emits the text of a token stream as soon as it can no longer change; an incomplete UTF-8 prefix is held back.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}
  /// Text that became safe to show with this token.
  std::string push(int64_t id);
  /// What remains at the end of the stream (a held prefix becomes one U+FFFD). The decoder can then be used anew.
  std::string finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string held_;
  bool at_start_ = true;
};

}  // namespace molmo::text
