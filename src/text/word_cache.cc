// SPDX-License-Identifier: Apache-2.0
#include "text/word_cache.h"

#include <algorithm>

namespace molmo::text {

WordCache::WordCache() : slots_(kNumSlots), arena_(1) {}

void WordCache::insert(std::string_view word, uint64_t hash, std::span<const uint32_t> ids) {
  if (word.size() > kLongestWord || ids.empty()) return;
  const size_t num_words = 1 + ids.size() + (word.size() + 3) / 4;
  if (num_words_ > kNumSlots / 2 || arena_.size() + num_words > kArenaWords) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    arena_.resize(1);
    num_words_ = 0;
  }
  const auto entry = static_cast<uint32_t>(arena_.size());
  arena_.resize(arena_.size() + num_words);
  arena_[entry] = static_cast<uint32_t>(word.size() | ids.size() << 16);
  std::copy(ids.begin(), ids.end(), &arena_[entry + 1]);
  std::memcpy(&arena_[entry + 1] + ids.size(), word.data(), word.size());
  size_t i = hash & kMask;
  while (slots_[i].entry != 0) i = (i + 1) & kMask;
  slots_[i] = {static_cast<uint32_t>(hash >> 32), entry};
  ++num_words_;
}

}  // namespace molmo::text
