// SPDX-License-Identifier: Apache-2.0
#include "text/word_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace molmo::text {
namespace {

// A cache that never forgets would fill its table, and a search in a full table has no end.
TEST(WordCache, ForgetsBeforeItsTableIsFull) {
  constexpr size_t kMostWords = (size_t{1} << 16) + 1;
  WordCache cache;
  bool has_forgotten = false;
  for (uint32_t i = 0; i < 100'000; ++i) {
    const std::string word = fmt::format("{:x}", i);
    const uint64_t hash = WordCache::hash(word);
    const size_t before = cache.num_words();
    ASSERT_TRUE(cache.find(word, hash).empty()) << word;
    cache.insert(word, hash, std::array{i});
    ASSERT_LE(cache.num_words(), kMostWords);
    has_forgotten |= cache.num_words() < before;
    const std::span<const uint32_t> ids = cache.find(word, hash);
    ASSERT_EQ(ids.size(), 1u);
    ASSERT_EQ(ids[0], i);
  }
  EXPECT_TRUE(has_forgotten);
}

// A place in the table that outlived its word would be read as another's.
TEST(WordCache, ForgetsEverything) {
  WordCache cache;
  const auto word = [](uint32_t i) { return fmt::format("{:0160}", i); };
  const auto ids_of = [&](uint32_t i) { return cache.find(word(i), WordCache::hash(word(i))); };
  uint32_t count = 0;
  for (size_t before = 0; cache.num_words() >= before; ++count) {
    before = cache.num_words();
    cache.insert(word(count), WordCache::hash(word(count)), std::array{count});
  }
  EXPECT_EQ(cache.num_words(), 1u) << "the last";
  EXPECT_EQ(ids_of(count - 1).front(), count - 1);
  for (uint32_t i = 0; i + 1 < count; ++i) ASSERT_TRUE(ids_of(i).empty()) << i;
}

TEST(WordCache, TakesNoMoreMemoryForLongWords) {
  WordCache cache;
  for (uint32_t i = 0; i < 60'000; ++i) {
    const std::string word = fmt::format("{:0160}", i);
    cache.insert(word, WordCache::hash(word), std::array{i});
    ASSERT_LE(cache.num_bytes(), size_t{8} << 20);
  }
}

}  // namespace
}  // namespace molmo::text
