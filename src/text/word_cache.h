// A bounded memory of words already encoded. One cache belongs to one running encode() call (see BpeTokenizer), so it
// takes no locks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace molmo::text {

/// Words of up to kLongestWord bytes -> ids. When full it forgets everything.
class WordCache {
 public:
  static constexpr size_t kLongestWord = 160;  ///< bytes

  WordCache();

  /// A 64-bit hash of the bytes.
  static uint64_t hash(std::string_view word) {
    const char* p = word.data();
    size_t left = word.size();
    uint64_t state = left * 0x9E3779B97F4A7C15u;
    for (; left > 8; p += 8, left -= 8) state = mix(state ^ load(p, 8));
    return mix(state ^ load(p, left));
  }

  /// The ids of `word`; an empty span if it is not known (every word has at least one id). Valid until insert().
  std::span<const uint32_t> find(std::string_view word, uint64_t hash) const {
    for (size_t i = hash & kMask;; i = (i + 1) & kMask) {
      const Slot& slot = slots_[i];
      if (slot.entry == 0) return {};
      if (slot.tag != static_cast<uint32_t>(hash >> 32)) continue;
      const uint32_t* entry = &arena_[slot.entry];
      const uint32_t num_bytes = entry[0] & 0xFFFF, num_ids = entry[0] >> 16;
      if (num_bytes == word.size() && equal_bytes(reinterpret_cast<const char*>(entry + 1 + num_ids), word)) {
        return {entry + 1, num_ids};
      }
    }
  }

  /// Remembers a word that find() does not know, unless it is longer than kLongestWord or has no ids.
  void insert(std::string_view word, uint64_t hash, std::span<const uint32_t> ids);

  size_t num_words() const { return num_words_; }                            ///< at most half of the table's slots
  size_t num_bytes() const { return arena_.capacity() * sizeof(uint32_t); }  ///< of words and ids

 private:
  static constexpr size_t kNumSlots = size_t{1} << 17, kMask = kNumSlots - 1;
  static constexpr size_t kArenaWords = size_t{1} << 20;  // of 4 bytes
  struct Slot {
    uint32_t tag = 0, entry = 0;  // upper half of the hash; offset in arena_, 0: free
  };

  static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
    return (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
  }
  // Inlined: words are short, and calling memcmp would cost more than comparing.
  static bool equal_bytes(const char* p, std::string_view word) {
    const char* q = word.data();
    size_t left = word.size();
    for (; left > 8; p += 8, q += 8, left -= 8) {
      if (read<uint64_t>(p) != read<uint64_t>(q)) return false;
    }
    return load(p, left) == load(q, left);
  }
  // The first `size` (0 to 8) bytes as an integer, without reading past them; equal only for equal bytes.
  static uint64_t load(const char* p, size_t size) {
    if (size == 8) return read<uint64_t>(p);
    if (size >= 4) return uint64_t{read<uint32_t>(p)} << 32 | read<uint32_t>(p + size - 4);
    if (size == 0) return 0;
    const auto byte = [p](size_t i) { return uint64_t{static_cast<unsigned char>(p[i])}; };
    return byte(0) << 16 | byte(size >> 1) << 8 | byte(size - 1);
  }
  template <class T>
  static T read(const char* p) {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }

  std::vector<Slot> slots_;
  std::vector<uint32_t> arena_;  // entries: bytes | ids << 16, the ids, the bytes
  size_t num_words_ = 0;
};

}  // namespace molmo::text
