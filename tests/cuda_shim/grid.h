// Runs a kernel's threads on the CPU, a fiber each, and checks what a GPU would take without a word: barriers and warp
// functions that not everyone reaches, masks, limits of a launch. Blocks run one after another, their threads in the
// order of a schedule; a right kernel gives the same bits under any.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace cuda_shim {

/// What a kernel did wrong, with block, thread and place.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Which thread of a block goes on, and which block.
struct Schedule {
  enum class Order { kForward, kBackward, kRandom };
  Order order = Order::kForward;
  bool warp_by_warp = false;  ///< a warp runs until it must wait for others, else all threads take turns
  uint32_t seed = 0;          ///< of kRandom
};
void set_schedule(const Schedule& schedule);

/// Of one launch. Accesses of memory that came from allocate() are counted by the log2 of their bytes (not under
/// AddressSanitizer).
struct LaunchRecord {
  dim3 grid, block;
  int64_t num_reads[5] = {}, num_writes[5] = {};
  int64_t num_shared_bytes = 0;  ///< the most that a block touched
};

/// All so far.
std::vector<LaunchRecord>& launches();
inline LaunchRecord& last_launch() { return launches().back(); }

/// Runs `invoke(call)` as every thread of config's grid. `call` holds the parameters. A launch that CUDA refuses leaves
/// its error to cudaGetLastError; a fault of the kernel is thrown.
cudaError_t launch(const cudaLaunchConfig_t& config, const void* call, size_t call_size, void (*invoke)(const void*));

// --- what a running thread asks ---------------------------------------------------------------------------------------

uint3 thread_index();
uint3 block_index();
dim3 block_dim();
dim3 grid_dim();
int lane();

/// Waits for all threads of the block at the same place.
void meet_block(std::source_location where);

/// Waits for all lanes of `mask` at the same place.
void meet_warp(unsigned mask, uint64_t value, bool orders_memory, std::source_location where);

/// The value that a lane brought to the last meeting; 0 of lanes that its mask left out.
uint64_t received_from(unsigned lane);

/// A fault unless lane `source` is in `mask`.
void check_source(unsigned mask, int source, std::source_location where);

/// A running thread, as memory.h tells accesses apart.
struct Running {
  uint32_t thread;                   ///< in its block
  uint64_t block;                    ///< in its grid
  uint32_t launch;                   ///< counts launches
  uint32_t block_turn;               ///< counts blocks of all launches
  uint32_t barriers, warp_barriers;  ///< that it has passed
  bool is_own_stack(uintptr_t address) const;
  bool is_parameter(uintptr_t address, size_t size) const;
};

/// Null outside of kernels.
const Running* running();

/// Ends the launch with a Fault that names the running thread.
[[noreturn]] void fail(const std::string& problem);

// --- the device -------------------------------------------------------------------------------------------------------

/// Launches need one; c10/cuda/CUDAGuard.h counts them.
inline int num_guards = 0;
cudaStream_t current_stream();

/// Compute capability (as in 90) of every device that the runtime reports; empty: cudaErrorNoDevice.
void set_devices(std::initializer_list<int> capabilities);

}  // namespace cuda_shim
