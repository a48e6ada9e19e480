// SPDX-License-Identifier: Apache-2.0
#include "cuda_shim/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <vector>

#include "cuda_shim/grid.h"

// The linker's: the program's image, and in it the zeroed data, where __shared__ arrays lie.
extern "C" char __executable_start, __bss_start, _end;

namespace cuda_shim {
namespace {

constexpr uintptr_t kCellBytes = 2;  // no kernel has values of one byte
constexpr size_t kGrid = 64;
constexpr uint32_t kSeveral = 0xffffffffu;

// The accesses of kCellBytes bytes in one launch, or, for shared memory, in one block. Threads are counted from 1.
struct Cell {
  uint32_t turn = 0;  // of launch or block; of another turn: nothing has been accessed
  uint32_t writer = 0, write_barriers = 0, write_warp_barriers = 0;
  uint32_t reader = 0, read_barriers = 0, read_warp_barriers = 0;
};

struct Region {
  uintptr_t begin = 0, size = 0;
  bool is_shared = false;
  std::vector<Cell> cells;  // made at the first access

  uintptr_t end() const { return begin + size; }
};

std::map<uintptr_t, Region> regions;  // of allocate(), by where they begin
Region* last_region = nullptr;

uintptr_t address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

Region& shared_region() {
  static Region region{.begin = address_of(&__bss_start),
                       .size = address_of(&_end) - address_of(&__bss_start),
                       .is_shared = true,
                       .cells = {}};
  return region;
}

Region* find_region(uintptr_t address) {
  if (last_region != nullptr && address - last_region->begin < last_region->size) return last_region;
  if (address - shared_region().begin < shared_region().size) return &shared_region();
  auto next = regions.upper_bound(address);
  if (next == regions.begin()) return nullptr;
  Region& region = std::prev(next)->second;
  return address < region.end() ? last_region = &region : nullptr;
}

std::string neighbour_of(uintptr_t address) {
  const auto next = regions.upper_bound(address);
  std::string text = "no buffer is there";
  if (next != regions.begin()) {
    const Region& before = std::prev(next)->second;
    text += fmt::format(", {} bytes after one of {}", address - before.end(), before.size);
  }
  if (next != regions.end())
    text += fmt::format(", {} bytes before one of {}", next->second.begin - address, next->second.size);
  return text;
}

// Whether an access of another thread came before the running one's for sure.
bool is_ordered(const Running& self, const Region& region, uint32_t other, uint32_t barriers, uint32_t warp_barriers,
                uint32_t threads_per_block, uint32_t self_number) {
  if (other == self_number) return true;
  if (other == kSeveral) return region.is_shared && barriers < self.barriers;
  const uint32_t block = (other - 1) / threads_per_block, thread = (other - 1) % threads_per_block;
  if (!region.is_shared && block != self.block) return false;
  return barriers < self.barriers || (thread / 32 == self.thread / 32 && warp_barriers < self.warp_barriers);
}

void count_shared(uint32_t block_turn) {
  static uint32_t counted_turn = 0;
  static int64_t num_bytes = 0;
  num_bytes = counted_turn == block_turn ? num_bytes + static_cast<int64_t>(kCellBytes) : kCellBytes;
  counted_turn = block_turn;
  last_launch().num_shared_bytes = std::max(last_launch().num_shared_bytes, num_bytes);
}

void check_cell(const Running& self, Region& region, Cell& cell, bool is_write, uint32_t threads_per_block) {
  const uint32_t turn = region.is_shared ? self.block_turn : self.launch;
  if (cell.turn != turn) {
    cell = {.turn = turn};
    if (region.is_shared) count_shared(turn);
  }
  const auto block = region.is_shared ? 0u : static_cast<uint32_t>(self.block);
  const uint32_t number = block * threads_per_block + self.thread + 1;
  const char* memory = region.is_shared ? "shared" : "global";
  if (region.is_shared && !is_write && cell.writer == 0) fail("reads shared memory that nobody has written");
  const bool follows_write = cell.writer == 0 || is_ordered(self, region, cell.writer, cell.write_barriers,
                                                            cell.write_warp_barriers, threads_per_block, number);
  if (!follows_write)
    fail(fmt::format("{} {} memory that thread {} of block {} writes, without a barrier between the two",
                     is_write ? "writes" : "reads", memory, (cell.writer - 1) % threads_per_block,
                     region.is_shared ? self.block : (cell.writer - 1) / threads_per_block));
  const bool has_reader = cell.reader != 0;
  const bool follows_read = !has_reader || is_ordered(self, region, cell.reader, cell.read_barriers,
                                                      cell.read_warp_barriers, threads_per_block, number);
  if (is_write) {
    if (!follows_read)
      fail(fmt::format("writes {} memory that another thread reads, without a barrier between the two", memory));
    cell.writer = number;
    cell.write_barriers = self.barriers;
    cell.write_warp_barriers = self.warp_barriers;
  } else {
    cell.reader = follows_read ? number : kSeveral;
    cell.read_barriers = self.barriers;
    cell.read_warp_barriers = self.warp_barriers;
  }
}

}  // namespace

void* allocate(size_t size, size_t shift) {
  // So that the last byte is malloc's last, too, where AddressSanitizer looks.
  void* memory = nullptr;
  if (posix_memalign(&memory, kGrid, kGrid + shift + size) != 0) throw std::bad_alloc();
  char* begin = static_cast<char*>(memory) + kGrid + shift;
  std::memset(begin, 0xff, size);  // a NaN of every type
  if (size > 0) regions[address_of(begin)] = {.begin = address_of(begin), .size = size};
  return begin;
}

void release(void* memory) {
  const auto found = regions.find(address_of(memory));
  if (found != regions.end()) {
    if (last_region == &found->second) last_region = nullptr;
    regions.erase(found);
  }
  const uintptr_t front = address_of(memory) / kGrid * kGrid - kGrid;
  std::free(reinterpret_cast<void*>(front));
}

void check_access(const void* pointer, size_t size, bool is_write) {
  const Running* self = running();
  const uintptr_t address = address_of(pointer);
  if (self == nullptr || self->is_own_stack(address)) return;
  if (!is_write && self->is_parameter(address, size)) return;
  if (!is_write && address >= address_of(&__executable_start) && address < address_of(&__bss_start))
    return;  // constants
  const char* verb = is_write ? "writes" : "reads";
  Region* region = find_region(address);
  if (region == nullptr) fail(fmt::format("{} {} bytes at {}: {}", verb, size, pointer, neighbour_of(address)));
  if (address + size > region->end())
    fail(fmt::format("{} {} bytes of which {} are beyond the end of a buffer of {}", verb, size,
                     address + size - region->end(), region->size));
  if (!std::has_single_bit(size) || size > 16 || address % size != 0)
    fail(fmt::format("{} {} bytes at {}, which is {} more than a multiple of them", verb, size, pointer,
                     address % size));
  LaunchRecord& record = last_launch();
  if (!region->is_shared) ++(is_write ? record.num_writes : record.num_reads)[std::countr_zero(size)];
  if (region->cells.empty()) region->cells.resize((region->size + kCellBytes - 1) / kCellBytes + 1);
  const uint32_t threads_per_block = record.block.x * record.block.y * record.block.z;
  const uintptr_t first = (address - region->begin) / kCellBytes,
                  last = (address - region->begin + size - 1) / kCellBytes;
  for (uintptr_t i = first; i <= last; ++i) check_cell(*self, *region, region->cells[i], is_write, threads_per_block);
}

}  // namespace cuda_shim
