// The class of every character that split patterns tell apart, and what NFC does to it, in one table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace molmo::text {

/// What the split patterns tell apart: \p{L}, \p{N}, \s (White_Space), and the rest.
enum CharClass : uint8_t { kOther = 0, kLetter = 1, kNumber = 2, kSpace = 3 };

/// Two-stage table over all code points: the class in the low bits, and flags for NFC.
class CharTable {
 public:
  static constexpr uint8_t kClassMask = 3;
  static constexpr uint8_t kNfcCheck = 4;     ///< may change under NFC, or may change what stands before it
  static constexpr uint8_t kNfcIsolated = 8;  ///< takes no part in NFC although newer Unicode says so

  CharTable();
  uint8_t flags(char32_t c) const { return blocks_[size_t{index_[c >> 7]} * 128 + (c & 127)]; }
  CharClass char_class(char32_t c) const { return static_cast<CharClass>(flags(c) & kClassMask); }

 private:
  std::array<uint16_t, (0x110000 >> 7)> index_{};
  std::vector<uint8_t> blocks_;
};

/// The one table of the process, built at the first call (a few milliseconds).
const CharTable& char_table();

}  // namespace molmo::text
