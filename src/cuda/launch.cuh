// kernel<<<...>>> as a function call, which C++ compilers can read too: tests/cuda_shim runs the same sources on the
// CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

namespace molmo::cuda {

/// Blocks along one axis of a grid. CUDA refuses 0, as which a number beyond its own limit is passed on, not wrapped.
inline unsigned num_blocks_of(int64_t count) { return count <= INT32_MAX ? static_cast<unsigned>(count) : 0u; }

/// Blocks of `size` that hold `count`.
inline unsigned num_blocks_for(int64_t count, int64_t size) { return num_blocks_of((count + size - 1) / size); }

/// Blocks for a loop of the grid over `count` values, one a thread at a time: at most a few times those that the device
/// holds at once, so that the last ones to finish cost little.
inline unsigned num_blocks_of_loop(int64_t count, int64_t threads) {
  constexpr int64_t kPerProcessor = 64;
  int device = 0, num_processors = 1;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&num_processors, cudaDevAttrMultiProcessorCount, device);
  return num_blocks_for(std::min(count, kPerProcessor * num_processors * threads), threads);
}

/// Starts `kernel` on `stream`; whoever called the launcher asks for errors (cudaGetLastError).
template <class... Params, class... Args>
void launch_kernel(void (*kernel)(Params...), dim3 grid, dim3 block, cudaStream_t stream, const Args&... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  static_cast<void>(cudaLaunchKernelEx(&config, kernel, args...));
}

}  // namespace molmo::cuda
