// SPDX-License-Identifier: Apache-2.0
#include "text/byte_alphabet.h"

#include "text/unicode.h"

namespace molmo::text {
namespace {

// Byte + 1 by character; 0: not in the alphabet.
constexpr std::array<uint16_t, 324> kCharBytes = [] {
  std::array<uint16_t, 324> bytes{};
  for (size_t byte = 0; byte < 256; ++byte) bytes[kByteChars[byte]] = static_cast<uint16_t>(byte + 1);
  return bytes;
}();

}  // namespace

std::optional<std::string> bytes_of_piece(std::string_view piece) {
  std::string bytes;
  for (size_t i = 0, length; i < piece.size(); i += length) {
    const char32_t c = decode_char(piece.data() + i, &length);
    if (c >= kCharBytes.size() || kCharBytes[c] == 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kCharBytes[c] - 1));
  }
  return bytes;
}

}  // namespace molmo::text
