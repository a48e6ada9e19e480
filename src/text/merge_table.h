// Byte-pair merges: a flat table (left, right) -> rank, and the merging of one word.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace molmo::text {

/// Two neighbouring pieces and the piece that they become. The place in the list is the rank.
struct Merge {
  uint32_t left, right, result;
};

/// Immutable after construction and safe to share between threads.
class MergeTable {
 public:
  static constexpr uint32_t kNoRank = UINT32_MAX;

  MergeTable() : MergeTable(std::span<const Merge>{}) {}
  explicit MergeTable(std::span<const Merge> merges);

  /// Rank of a pair (the last one where the list repeats it), or kNoRank.
  uint32_t rank(uint32_t left, uint32_t right) const {
    const uint64_t key = uint64_t{left} << 32 | right;
    for (size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].rank;
      if (slots_[i].key == kEmpty) return kNoRank;
    }
  }

  /// Merges `ids` in place, always the pair of lowest rank, leftmost first; returns how many ids remain at the front.
  size_t merge(std::span<uint32_t> ids) const;

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    uint32_t rank = kNoRank;
  };

  size_t home(uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }
  size_t merge_short(std::span<uint32_t> ids) const;
  size_t merge_long(std::span<uint32_t> ids) const;

  std::vector<Slot> slots_;
  std::vector<uint32_t> results_;  // by rank
  size_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace molmo::text
