// SPDX-License-Identifier: Apache-2.0
#include "base/block_pool.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace molmo {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kMostKept = size_t{256} << 20;

// Sizes are rounded up to a quarter of their power of two, so that pictures of about one size share blocks.
size_t block_size(size_t num_bytes) {
  size_t step = kSmallestPooledBlock / 4;
  while (step * 8 <= num_bytes) step *= 2;
  return (num_bytes + step - 1) / step * step;
}

struct Pool {
  std::mutex mutex;
  std::map<size_t, std::vector<void*>> blocks;  // by size
  size_t num_kept = 0;                          // bytes
};

Pool& pool() {
  static Pool* the_pool = new Pool;  // never destroyed: vectors of static lifetime may give back at exit
  return *the_pool;
}

}  // namespace

void* take_block(size_t num_bytes) {
  const size_t size = block_size(num_bytes);
  {
    Pool& kept = pool();
    const std::lock_guard lock(kept.mutex);
    if (const auto found = kept.blocks.find(size); found != kept.blocks.end() && !found->second.empty()) {
      void* block = found->second.back();
      found->second.pop_back();
      kept.num_kept -= size;
      return block;
    }
  }
  void* block = std::aligned_alloc(kAlignment, size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void give_back_block(void* block, size_t num_bytes) noexcept {
  const size_t size = block_size(num_bytes);
  try {
    Pool& kept = pool();
    const std::lock_guard lock(kept.mutex);
    if (kept.num_kept + size <= kMostKept) {
      kept.blocks[size].push_back(block);
      kept.num_kept += size;
      return;
    }
  } catch (...) {  // no memory for the list: nothing is kept
  }
  std::free(block);
}

}  // namespace molmo
