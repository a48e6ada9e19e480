// UTF-8 as tokenizers need it: decoding, NFC, white space and words at the ends of a text, and the replacement of
// ill-formed bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::text {

/// Decodes the character at `p` of well-formed UTF-8 and stores its length in bytes.
inline char32_t decode_char(const char* p, size_t* length) {
  const auto byte = [p](int i) { return static_cast<char32_t>(static_cast<unsigned char>(p[i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return *length = 1, first;
  if (first < 0xE0) return *length = 2, (first & 0x1F) << 6 | (byte(1) & 0x3F);
  if (first < 0xF0) return *length = 3, (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  return *length = 4, (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
}

/// Appends a code point as UTF-8.
void append_utf8(char32_t c, std::string* text);

/// What one pass over a text finds out.
struct TextScan {
  bool well_formed = true;  ///< is UTF-8
  bool is_nfc = true;       ///< certainly unchanged by NFC (false: perhaps); unset where not well-formed
};
TextScan scan_text(std::string_view text);

/// How an ill-formed sequence shows: one U+FFFD per maximal subpart (Unicode §3.9, WHATWG), or one per byte.
enum class Replacement { kPerSubpart, kPerByte };

/// Appends `bytes` to `text` with ill-formed parts replaced, and returns how many bytes were used. An incomplete but
/// still valid sequence at the end is left unused unless `at_end`.
size_t append_well_formed(std::string_view bytes, Replacement replacement, bool at_end, std::string* text);

/// The text with one U+FFFD per maximal ill-formed subpart.
std::string replace_ill_formed(std::string_view text);

/// Appends the NFC form of well-formed `text` to `*normalized`.
void append_nfc(std::string_view text, std::string* normalized);

/// Length in bytes of the White_Space characters that well-formed `text` begins (ends) with.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);

/// Whether well-formed `text` begins (ends) with a word character (\w: letters, marks, digits, connectors, joiners).
bool begins_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

}  // namespace molmo::text
