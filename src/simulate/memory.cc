// SPDX-License-Identifier: Apache-2.0
#include "simulate/memory.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "base/check.h"
#include "simulate/gpu.h"

namespace molmo::simulate {
namespace {

constexpr uintptr_t kFirstAddress = uintptr_t{1} << 46;  // above what a process is given here
constexpr uintptr_t kAlignment = 512;                    // of blocks, as cudaMalloc's

struct Block {
  size_t num_bytes = 0;
  std::vector<char> values;  // empty: not known
};

struct Memory {
  std::mutex mutex;
  uintptr_t next = kFirstAddress;
  std::map<uintptr_t, Block> blocks;  // by begin
  int64_t live = 0, peak = 0;

  // Under the mutex.
  Block& block_at(const void* address) {
    const auto after = blocks.upper_bound(reinterpret_cast<uintptr_t>(address));
    MOLMO_CHECK(after != blocks.begin(), "an address of no simulated allocation");
    return std::prev(after)->second;
  }
};

Memory& memory() {
  static auto* const memory = new Memory;  // outlives tensors that are destroyed at the end of the process
  return *memory;
}

void free_block(void* address) {
  const std::lock_guard lock(memory().mutex);
  const auto found = memory().blocks.find(reinterpret_cast<uintptr_t>(address));
  if (found == memory().blocks.end()) return;
  memory().live -= static_cast<int64_t>(found->second.num_bytes);
  memory().blocks.erase(found);
}

class GpuAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t num_bytes) override {
    const c10::Device device(c10::kCUDA, 0);
    if (num_bytes == 0) return {nullptr, device};
    Memory& all = memory();
    const std::lock_guard lock(all.mutex);
    const uintptr_t address = all.next;
    all.next += (num_bytes + kAlignment - 1) / kAlignment * kAlignment;
    all.blocks[address].num_bytes = num_bytes;
    all.live += static_cast<int64_t>(num_bytes);
    all.peak = std::max(all.peak, all.live);
    auto* const pointer = reinterpret_cast<void*>(address);
    return {pointer, pointer, free_block, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return free_block; }
  void copy_data(void*, const void*, std::size_t) const override {
    MOLMO_CHECK(false, "a copy of simulated memory outside of operators");
  }
};

// Ranges of page-locked memory.
struct Pinned {
  std::mutex mutex;
  std::map<uintptr_t, size_t> ranges;
};

Pinned& pinned() {
  static auto* const pinned = new Pinned;
  return *pinned;
}

void free_pinned(void* address) {
  {
    const std::lock_guard lock(pinned().mutex);
    pinned().ranges.erase(reinterpret_cast<uintptr_t>(address));
  }
  std::free(address);
}

class PinnedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t num_bytes) override {
    void* const address = std::malloc(std::max<size_t>(num_bytes, 1));
    if (address == nullptr) throw std::bad_alloc();
    const std::lock_guard lock(pinned().mutex);
    pinned().ranges[reinterpret_cast<uintptr_t>(address)] = num_bytes;
    return {address, address, free_pinned, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return free_pinned; }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }
};

}  // namespace

c10::Allocator& gpu_allocator() {
  static GpuAllocator allocator;
  return allocator;
}

c10::Allocator& pinned_allocator() {
  static PinnedAllocator allocator;
  return allocator;
}

bool is_pinned(const void* address) {
  const std::lock_guard lock(pinned().mutex);
  const auto after = pinned().ranges.upper_bound(reinterpret_cast<uintptr_t>(address));
  if (after == pinned().ranges.begin()) return false;
  const auto& [begin, size] = *std::prev(after);
  return reinterpret_cast<uintptr_t>(address) < begin + size;
}

void* host_values(const void* address) {
  if (address == nullptr) return nullptr;
  const std::lock_guard lock(memory().mutex);
  Block& block = memory().block_at(address);
  return block.values.empty() ? nullptr : block.values.data();
}

void* add_host_values(const void* address) {
  if (address == nullptr) return nullptr;
  const std::lock_guard lock(memory().mutex);
  Block& block = memory().block_at(address);
  if (block.values.empty()) block.values.resize(block.num_bytes);
  return block.values.data();
}

void drop_host_values(const void* address) {
  if (address == nullptr) return;
  const std::lock_guard lock(memory().mutex);
  memory().block_at(address).values = {};
}

int64_t live_bytes() {
  const std::lock_guard lock(memory().mutex);
  return memory().live;
}

int64_t peak_bytes() {
  const std::lock_guard lock(memory().mutex);
  return memory().peak;
}

void reset_peak() {
  const std::lock_guard lock(memory().mutex);
  memory().peak = memory().live;
}

}  // namespace molmo::simulate
