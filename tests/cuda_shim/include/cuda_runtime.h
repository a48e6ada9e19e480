// The words of device code for a C++ compiler: a kernel becomes a function that a fiber per thread runs (grid.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <source_location>
#include <tuple>

#include "cuda_shim/grid.h"

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

using std::max;
using std::min;

namespace cuda_shim {

// x, y and z as of the running thread.
template <auto kFunction>
struct Indices {
  template <auto kMember>
  struct Axis {
    operator unsigned() const { return kFunction().*kMember; }
  };
  using Result = decltype(kFunction());
  Axis<&Result::x> x;
  Axis<&Result::y> y;
  Axis<&Result::z> z;
};

}  // namespace cuda_shim

inline constexpr ::cuda_shim::Indices<::cuda_shim::thread_index> threadIdx{};
inline constexpr ::cuda_shim::Indices<::cuda_shim::block_index> blockIdx{};
inline constexpr ::cuda_shim::Indices<::cuda_shim::block_dim> blockDim{};
inline constexpr ::cuda_shim::Indices<::cuda_shim::grid_dim> gridDim{};

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  ::cuda_shim::meet_block(where);
}

inline void __syncwarp(unsigned mask = 0xffffffffu, std::source_location where = std::source_location::current()) {
  ::cuda_shim::meet_warp(mask, 0, /*orders_memory=*/true, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              std::source_location where = std::source_location::current()) {
  ::cuda_shim::meet_warp(mask, predicate != 0, /*orders_memory=*/false, where);
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane) ballot |= ::cuda_shim::received_from(lane) != 0 ? 1u << lane : 0u;
  return ballot;
}

namespace cuda_shim {

// The value of lane `source` if it lies in the caller's group of `width` lanes, between first and last; else its own.
template <class T>
T shuffle(unsigned mask, T value, int source, int first, int last, std::source_location where) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  meet_warp(mask, bits, /*orders_memory=*/false, where);
  if (source < first || source > last) return value;
  check_source(mask, source, where);
  T result;
  bits = received_from(static_cast<unsigned>(source));
  __builtin_memcpy(&result, &bits, sizeof(T));
  return result;
}

}  // namespace cuda_shim

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              std::source_location where = std::source_location::current()) {
  const int first = ::cuda_shim::lane() / width * width;
  return ::cuda_shim::shuffle(mask, value, first + source % width, first, first + width - 1, where);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 std::source_location where = std::source_location::current()) {
  const int lane = ::cuda_shim::lane(), first = lane / width * width;
  return ::cuda_shim::shuffle(mask, value, lane - static_cast<int>(delta), first, first + width - 1, where);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   std::source_location where = std::source_location::current()) {
  const int lane = ::cuda_shim::lane(), first = lane / width * width;
  return ::cuda_shim::shuffle(mask, value, lane + static_cast<int>(delta), first, first + width - 1, where);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  std::source_location where = std::source_location::current()) {
  const int lane = ::cuda_shim::lane(), first = lane / width * width;
  return ::cuda_shim::shuffle(mask, value, lane ^ lane_mask, 0, first + width - 1, where);
}

template <class... Params, class... Args>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Params...), const Args&... args) {
  struct Call {
    void (*kernel)(Params...);
    std::tuple<Params...> params;
  };
  Call call{kernel, {args...}};
  return ::cuda_shim::launch(*config, &call, sizeof call, [](const void* call) {
    std::apply(static_cast<const Call*>(call)->kernel, static_cast<const Call*>(call)->params);
  });
}
