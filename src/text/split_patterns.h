// The three known split patterns, written by hand: the next word of well-formed UTF-8, with fast paths for ASCII.
// Each must equal Oniguruma on its regular expression (tests/text/split_test.cc).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "text/char_table.h"
#include "text/unicode.h"

namespace molmo::text {

/// GPT-2 (ByteLevel's use_regex): contractions in lower case only, numbers whole.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Qwen2 and Qwen3: numbers digit by digit.
inline constexpr std::string_view kQwenPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// cl100k, dolma2, Llama 3: up to three digits.
inline constexpr std::string_view kCl100kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace split_detail {

inline constexpr uint8_t kMultiByte = 4;

/// Class of an ASCII byte; kMultiByte for all others.
inline constexpr std::array<uint8_t, 256> kByteClass = [] {
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    const CharClass ascii = letter ? kLetter : c >= '0' && c <= '9' ? kNumber : space ? kSpace : kOther;
    table[c] = c < 0x80 ? uint8_t{ascii} : kMultiByte;
  }
  return table;
}();

/// Reads classes and runs of one text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : end_(text.data() + text.size()), table_(char_table()) {}

  const char* end() const { return end_; }

  /// Class of the character at `p` (p < end) and its length in bytes.
  uint8_t class_at(const char* p, size_t* length) const {
    const uint8_t byte_class = kByteClass[static_cast<unsigned char>(*p)];
    if (byte_class != kMultiByte) return *length = 1, byte_class;
    return table_.char_class(decode_char(p, length));
  }

  bool is_class(const char* p, uint8_t wanted) const {
    size_t length;
    return p < end_ && class_at(p, &length) == wanted;
  }

  /// End of the run of `wanted` characters that begins at `p`, at most `limit` of them.
  const char* skip(const char* p, uint8_t wanted, size_t limit = SIZE_MAX) const {
    for (; p < end_ && limit > 0; --limit) {
      const uint8_t byte_class = kByteClass[static_cast<unsigned char>(*p)];
      if (byte_class == wanted) {
        ++p;
        continue;
      }
      size_t length;
      if (byte_class != kMultiByte || table_.char_class(decode_char(p, &length)) != wanted) break;
      p += length;
    }
    return p;
  }

  const char* skip_newlines(const char* p) const {
    while (p < end_ && (*p == '\n' || *p == '\r')) ++p;
    return p;
  }

  /// A contraction after the apostrophe at `p`: its end, or null. `fold` adds capitals and U+017F (long s).
  const char* contraction(const char* p, bool fold) const {
    if (end_ - p < 2) return nullptr;
    const auto lower = [fold](char c) { return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    const char first = lower(p[1]);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return p + 2;
    if (end_ - p < 3) return nullptr;
    const char second = lower(p[2]);
    if ((first == 'r' || first == 'v') && second == 'e') return p + 3;
    if (first == 'l' && second == 'l') return p + 3;
    if (fold && p[1] == '\xC5' && p[2] == '\xBF') return p + 3;
    return nullptr;
  }

  /// \s+(?!\S)|\s+ : a run of white space leaves its last character to the word that follows, unless it is all there
  /// is.
  const char* white_space(const char* p) const {
    const char *at = p, *last = p;
    size_t length;
    while (at < end_ && class_at(at, &length) == kSpace) last = at, at += length;
    return at == end_ || last == p ? at : last;
  }

  /// End of \s*[\r\n]+ at `p`: after the last line end of the run of white space; null without one.
  const char* through_newlines(const char* p) const {
    const char* found = nullptr;
    size_t length;
    for (const char* at = p; at < end_ && class_at(at, &length) == kSpace; at += length) {
      if (*at == '\n' || *at == '\r') found = at + 1;
    }
    return found;
  }

 private:
  const char* end_;
  const CharTable& table_;
};

inline const char* next_gpt2_word(const Scanner& scanner, const char* p) {
  if (*p == '\'') {
    if (const char* end = scanner.contraction(p, /*fold=*/false)) return end;
  }
  const char* start = *p == ' ' && p + 1 < scanner.end() ? p + 1 : p;
  size_t length;
  const uint8_t kind = scanner.class_at(start, &length);
  if (kind != kSpace) return scanner.skip(start + length, kind);
  return scanner.white_space(p);
}

template <size_t kMaxDigits>
const char* next_cl100k_word(const Scanner& scanner, const char* p) {
  size_t length;
  const uint8_t kind = scanner.class_at(p, &length);
  const char* after = p + length;
  if (kind == kLetter) return scanner.skip(after, kLetter);
  if (kind == kNumber) return scanner.skip(after, kNumber, kMaxDigits - 1);
  if (*p == '\'') {
    if (const char* end = scanner.contraction(p, /*fold=*/true)) return end;
  }
  if (*p != '\r' && *p != '\n' && scanner.is_class(after, kLetter)) return scanner.skip(after, kLetter);
  if (kind == kOther) return scanner.skip_newlines(scanner.skip(after, kOther));
  if (*p == ' ' && scanner.is_class(after, kOther)) return scanner.skip_newlines(scanner.skip(after, kOther));
  if (const char* end = scanner.through_newlines(p)) return end;
  return scanner.white_space(p);
}

}  // namespace split_detail

enum class KnownPattern { kGpt2, kQwen, kCl100k };

/// Calls `visit(std::string_view word)` for the words of `text` in order; together they are the text.
template <KnownPattern kPattern, class Visit>
void for_each_word(std::string_view text, Visit&& visit) {
  const split_detail::Scanner scanner(text);
  for (const char* p = text.data(); p < scanner.end();) {
    const char* end;
    if constexpr (kPattern == KnownPattern::kGpt2) {
      end = split_detail::next_gpt2_word(scanner, p);
    } else {
      end = split_detail::next_cl100k_word < kPattern == KnownPattern::kQwen ? 1 : 3 > (scanner, p);
    }
    visit(std::string_view(p, static_cast<size_t>(end - p)));
    p = end;
  }
}

}  // namespace molmo::text
