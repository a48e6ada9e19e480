// GPT-2's alphabet of bytes: each byte as one printable character, as tokenizer.json writes pieces.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace molmo::text {

/// The character that stands for each byte: printable Latin-1 stands for itself, the rest begins at U+0100.
inline constexpr std::array<char32_t, 256> kByteChars = [] {
  std::array<char32_t, 256> chars{};
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    chars[byte] = printable ? byte : next++;
  }
  return chars;
}();

/// The bytes of a piece written in the alphabet; nothing if one of its characters is not in the alphabet.
std::optional<std::string> bytes_of_piece(std::string_view piece);

}  // namespace molmo::text
