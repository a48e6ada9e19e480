// SPDX-License-Identifier: Apache-2.0
#include "cuda_shim/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "cuda_shim/fiber.h"

namespace cuda_shim {
namespace {

constexpr uint32_t kLanes = 32;
constexpr int64_t kMostSharedBytes = 48 << 10;

enum class State { kReady, kAtBarrier, kInWarp, kDone };

struct Thread {
  Fiber fiber;
  State state = State::kReady;
  std::source_location where;  // of what it waits for
  unsigned mask = 0;           // in kInWarp, as all that follow
  uint64_t value = 0;
  bool orders_memory = false;
  uint64_t received[kLanes];
  Running running{};
};

struct Block {
  dim3 grid, size;
  uint3 index{};
  uint32_t num_threads = 0;
  const void* call = nullptr;
  size_t call_size = 0;
  void (*invoke)(const void*) = nullptr;
};

Schedule schedule;
std::vector<LaunchRecord> records;
cudaError_t last_error = cudaSuccess;
std::vector<int> capabilities;
Block block;
std::vector<std::unique_ptr<Thread>> threads;  // kept from launch to launch
Thread* current = nullptr;
std::optional<std::string> fault;
std::minstd_rand shuffler;
uint32_t num_launches = 0, num_blocks = 0;

std::string text_of(const std::source_location& where) {
  const std::string_view path = where.file_name();
  return fmt::format("{}:{}", path.substr(path.rfind('/') + 1), where.line());
}

bool is_same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && std::string_view(a.file_name()) == b.file_name();
}

uint3 index_of(uint32_t thread) {
  return {thread % block.size.x, thread / block.size.x % block.size.y, thread / block.size.x / block.size.y};
}

std::string name_of(uint32_t thread) {
  const uint3 at = index_of(thread);
  return fmt::format("thread ({}, {}, {})", at.x, at.y, at.z);
}

std::string state_of(uint32_t thread) {
  const Thread& t = *threads[thread];
  const char* doing = t.state == State::kDone        ? "has left"
                      : t.state == State::kAtBarrier ? "is at the barrier of "
                      : t.state == State::kInWarp    ? "is in the warp function of "
                                                     : "runs";
  const bool has_place = t.state == State::kAtBarrier || t.state == State::kInWarp;
  return fmt::format("{} {}{}", name_of(thread), doing, has_place ? text_of(t.where) : "");
}

void run_thread(void* thread) {
  auto* self = static_cast<Thread*>(thread);
  block.invoke(block.call);
  self->state = State::kDone;
}

[[noreturn]] void throw_fault() {
  const std::string text = *fault;
  fault.reset();
  current = nullptr;
  throw Fault(text);
}

void run_until_it_waits(Thread& thread) {
  current = &thread;
  thread.fiber.resume();
  current = nullptr;
  if (fault) throw_fault();
}

[[noreturn]] void fail_between_threads(const std::string& problem) {
  fault = fmt::format("block ({}, {}, {}): {}", block.index.x, block.index.y, block.index.z, problem);
  throw_fault();
}

// Lets the lanes of `first`'s mask go on if all are there. True if so.
bool release_warp(uint32_t first) {
  const uint32_t warp = first / kLanes * kLanes;
  const Thread& leader = *threads[first];
  const auto each_lane = [&](const auto& function) {
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      if ((leader.mask >> lane & 1u) != 0) function(lane);
  };
  bool are_there = true;
  each_lane([&](uint32_t lane) { are_there &= threads[warp + lane]->state == State::kInWarp; });
  if (!are_there) return false;
  each_lane([&](uint32_t lane) {
    const Thread& other = *threads[warp + lane];
    if (!is_same_place(other.where, leader.where) || other.mask != leader.mask)
      fail_between_threads(fmt::format("a warp differs: {} with mask {:08x}, {} with mask {:08x}", state_of(first),
                                       leader.mask, state_of(warp + lane), other.mask));
  });
  const unsigned mask = leader.mask;
  const bool orders_memory = leader.orders_memory;
  uint64_t values[kLanes] = {};
  each_lane([&](uint32_t lane) { values[lane] = threads[warp + lane]->value; });
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    Thread& thread = *threads[warp + lane];
    std::copy(std::begin(values), std::end(values), thread.received);
    thread.running.warp_barriers += orders_memory ? 1 : 0;
    thread.state = State::kReady;
  }
  return true;
}

// Gives every ready thread of a group one turn; true if any had one.
bool run_group(std::vector<uint32_t>& group) {
  if (schedule.order == Schedule::Order::kRandom) std::shuffle(group.begin(), group.end(), shuffler);
  bool has_moved = false;
  for (const uint32_t i : group) {
    if (threads[i]->state != State::kReady) continue;
    run_until_it_waits(*threads[i]);
    has_moved = true;
  }
  for (const uint32_t i : group)
    if (threads[i]->state == State::kInWarp) has_moved |= release_warp(i);
  return has_moved;
}

// Everyone waits, and not all at one barrier: says what for.
[[noreturn]] void fail_stuck() {
  for (uint32_t i = 0; i < block.num_threads; ++i) {
    const Thread& thread = *threads[i];
    if (thread.state != State::kInWarp) continue;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      const uint32_t other = i / kLanes * kLanes + lane;
      if ((thread.mask >> lane & 1u) != 0 && threads[other]->state != State::kInWarp)
        fail_between_threads(fmt::format("{} waits for lane {}, but {}", state_of(i), lane, state_of(other)));
    }
  }
  uint32_t first = 0;
  while (first + 1 < block.num_threads && threads[first]->state != State::kAtBarrier) ++first;
  for (uint32_t i = 0; i < block.num_threads; ++i)
    if (threads[i]->state != State::kAtBarrier || !is_same_place(threads[i]->where, threads[first]->where))
      fail_between_threads(fmt::format("a barrier is not met by all: {}, {}", state_of(first), state_of(i)));
  fail_between_threads("threads wait for one another");
}

// True if all threads have left; else lets them go on, as all are at one barrier.
bool pass_barrier() {
  const auto all = [](const auto& is_so) {
    return std::all_of(threads.begin(), threads.begin() + block.num_threads, [&](const auto& t) { return is_so(*t); });
  };
  if (all([](const Thread& t) { return t.state == State::kDone; })) return true;
  const auto& where = threads[0]->where;
  if (!all([&](const Thread& t) { return t.state == State::kAtBarrier && is_same_place(t.where, where); }))
    fail_stuck();
  for (uint32_t i = 0; i < block.num_threads; ++i) {
    threads[i]->state = State::kReady;
    ++threads[i]->running.barriers;
  }
  return false;
}

std::vector<std::vector<uint32_t>> groups_of_threads() {
  const uint32_t size = schedule.warp_by_warp ? kLanes : block.num_threads;
  std::vector<std::vector<uint32_t>> groups;
  for (uint32_t begin = 0; begin < block.num_threads; begin += size) {
    groups.emplace_back(std::min(size, block.num_threads - begin));
    std::iota(groups.back().begin(), groups.back().end(), begin);
    if (schedule.order == Schedule::Order::kBackward) std::reverse(groups.back().begin(), groups.back().end());
  }
  if (schedule.order == Schedule::Order::kBackward) std::reverse(groups.begin(), groups.end());
  if (schedule.order == Schedule::Order::kRandom) std::shuffle(groups.begin(), groups.end(), shuffler);
  return groups;
}

void run_block(uint64_t number) {
  block.index = {static_cast<unsigned>(number % block.grid.x),
                 static_cast<unsigned>(number / block.grid.x % block.grid.y),
                 static_cast<unsigned>(number / block.grid.x / block.grid.y)};
  ++num_blocks;
  for (uint32_t i = 0; i < block.num_threads; ++i) {
    Thread& thread = *threads[i];
    thread.state = State::kReady;
    thread.running = {.thread = i, .block = number, .launch = num_launches, .block_turn = num_blocks};
    thread.fiber.start(run_thread, &thread);
  }
  std::vector<std::vector<uint32_t>> groups = groups_of_threads();
  do {
    for (auto& group : groups)
      while (run_group(group)) {
      }
  } while (!pass_barrier());
}

bool is_allowed(const cudaLaunchConfig_t& config) {
  const dim3 grid = config.gridDim, size = config.blockDim;
  const uint64_t num_threads = uint64_t{size.x} * size.y * size.z;
  return num_threads >= 1 && num_threads <= 1024 && size.x <= 1024 && size.y <= 1024 && size.z <= 64 && grid.x >= 1 &&
         grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
}

}  // namespace

void set_schedule(const Schedule& next) {
  schedule = next;
  shuffler.seed(next.seed + 1);
}

std::vector<LaunchRecord>& launches() { return records; }

cudaError_t launch(const cudaLaunchConfig_t& config, const void* call, size_t call_size, void (*invoke)(const void*)) {
  if (num_guards == 0) throw Fault("a launch without a guard of the tensors' device");
  if (config.stream != current_stream()) throw Fault("a launch on another stream than the current one");
  if (config.dynamicSmemBytes != 0) throw Fault("dynamic shared memory: not written yet");
  if (!is_allowed(config)) return last_error = cudaErrorInvalidConfiguration;
  const dim3 grid = config.gridDim, size = config.blockDim;
  records.push_back({.grid = grid, .block = size});
  block = {.grid = grid,
           .size = size,
           .num_threads = size.x * size.y * size.z,
           .call = call,
           .call_size = call_size,
           .invoke = invoke};
  while (threads.size() < block.num_threads) threads.push_back(std::make_unique<Thread>());
  ++num_launches;
  std::vector<uint64_t> order(uint64_t{grid.x} * grid.y * grid.z);
  std::iota(order.begin(), order.end(), 0);
  if (schedule.order == Schedule::Order::kBackward) std::reverse(order.begin(), order.end());
  if (schedule.order == Schedule::Order::kRandom) std::shuffle(order.begin(), order.end(), shuffler);
  for (const uint64_t number : order) run_block(number);
  const int64_t num_shared_bytes = records.back().num_shared_bytes;
  if (num_shared_bytes > kMostSharedBytes)
    throw Fault(fmt::format("{} bytes of shared memory in a block, at most {}", num_shared_bytes, kMostSharedBytes));
  return cudaSuccess;
}

uint3 thread_index() { return index_of(current->running.thread); }
uint3 block_index() { return block.index; }
dim3 block_dim() { return block.size; }
dim3 grid_dim() { return block.grid; }
int lane() { return static_cast<int>(current->running.thread % kLanes); }

void meet_block(std::source_location where) {
  current->state = State::kAtBarrier;
  current->where = where;
  current->fiber.give_way();
}

void meet_warp(unsigned mask, uint64_t value, bool orders_memory, std::source_location where) {
  Thread& self = *current;
  const uint32_t thread = self.running.thread, warp = thread / kLanes * kLanes;
  const uint32_t num_lanes = std::min(kLanes, block.num_threads - warp);
  const unsigned existing = num_lanes == kLanes ? 0xffffffffu : (1u << num_lanes) - 1;
  if ((mask >> thread % kLanes & 1u) == 0)
    fail(fmt::format("mask {:08x} of {} leaves out the caller", mask, text_of(where)));
  if ((mask & ~existing) != 0)
    fail(fmt::format("mask {:08x} of {} names lanes that are not there, the warp has {}", mask, text_of(where),
                     num_lanes));
  self.state = State::kInWarp;
  self.where = where;
  self.mask = mask;
  self.value = value;
  self.orders_memory = orders_memory;
  self.fiber.give_way();
}

uint64_t received_from(unsigned lane) { return current->received[lane]; }

void check_source(unsigned mask, int source, std::source_location where) {
  if ((mask >> source & 1u) == 0)
    fail(fmt::format("{} reads lane {}, which mask {:08x} leaves out", text_of(where), source, mask));
}

bool Running::is_own_stack(uintptr_t address) const { return threads[thread]->fiber.holds(address); }

bool Running::is_parameter(uintptr_t address, size_t size) const {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(cuda_shim::block.call);
  return address >= begin && address + size <= begin + cuda_shim::block.call_size;
}

const Running* running() { return current == nullptr ? nullptr : &current->running; }

void fail(const std::string& problem) {
  Thread& self = *current;
  fault = fmt::format("block ({}, {}, {}), {}: {}", block.index.x, block.index.y, block.index.z,
                      name_of(self.running.thread), problem);
  self.fiber.give_way();  // for good: the launch ends
  std::abort();
}

cudaStream_t current_stream() {
  static char stream;
  return reinterpret_cast<cudaStream_t>(&stream);
}

void set_devices(std::initializer_list<int> list) { capabilities = list; }

}  // namespace cuda_shim

cudaError_t cudaGetLastError() { return std::exchange(cuda_shim::last_error, cudaSuccess); }

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = static_cast<int>(cuda_shim::capabilities.size());
  return *count == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (attribute == cudaDevAttrMultiProcessorCount) {
    *value = 1;
    return cudaSuccess;
  }
  const int capability = cuda_shim::capabilities.at(static_cast<size_t>(device));
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10;
  return cudaSuccess;
}
