// SPDX-License-Identifier: Apache-2.0
#include "base/block_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <thread>

#include "base/default_init.h"

namespace molmo {
namespace {

TEST(BlockPool, BlocksComeBackForAboutTheSameSize) {
  void* first = take_block(17'600'000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
  give_back_block(first, 17'600'000);
  void* second = take_block(17'500'000);
  EXPECT_EQ(second, first);
  void* third = take_block(17'500'000);  // taken: another one
  EXPECT_NE(third, second);
  give_back_block(second, 17'500'000);
  give_back_block(third, 17'500'000);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Pages of addresses that the process has, used or not.
size_t num_mapped_bytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(BlockPool, KeepsNoMoreThanItsBound) {
  constexpr size_t kBlock = size_t{48} << 20;  // which malloc() maps, and free() gives back to the system
  const size_t before = num_mapped_bytes();
  std::vector<void*> blocks(12);
  for (void*& block : blocks) block = take_block(kBlock);
  EXPECT_GE(num_mapped_bytes() - before, blocks.size() * kBlock);
  for (void* block : blocks) give_back_block(block, kBlock);
  EXPECT_LE(num_mapped_bytes() - before, size_t{272} << 20);
}
#endif

TEST(BlockPool, VectorsOfSeveralThreadsKeepApart) {
  std::vector<std::jthread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([id] {
      for (int round = 0; round < 50; ++round) {
        DefaultInitVector<float> values;
        values.resize(static_cast<size_t>(70'000 + 13'000 * id));
        for (float& value : values) value = static_cast<float>(id);
        for (const float value : values) ASSERT_EQ(value, static_cast<float>(id));
        values.push_back(1.0f);  // grows into another block
        ASSERT_EQ(values[0], static_cast<float>(id));
      }
    });
  }
}

}  // namespace
}  // namespace molmo
