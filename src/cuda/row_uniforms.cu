// A mixer of 64 bits (splitmix64) over key, place and index, as tensor/cpu/row_uniforms.cc has it. A thread makes four
// values at a time, which share the division that finds their row and the mixing of its key.
// SPDX-License-Identifier: Apache-2.0
#include "cuda/elements.cuh"
#include "cuda/launch.cuh"
#include "cuda/row_uniforms.h"

namespace molmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr uint64_t kStride = 0x9E3779B97F4A7C15ull;

__device__ uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

template <int kVector>
__global__ void __launch_bounds__(kThreads) row_uniforms_kernel(RowUniformsArgs args) {
  const int64_t packs_per_row = args.count / kVector, total = args.num_rows * packs_per_row;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += step) {
    const int64_t row = i / packs_per_row, index = (i - row * packs_per_row) * kVector;
    const uint64_t start = mix(static_cast<uint64_t>(args.keys[row]) + static_cast<uint64_t>(args.site) * kStride);
    float values[kVector];
#pragma unroll
    for (int k = 0; k < kVector; ++k) {
      const uint64_t bits = mix(start + static_cast<uint64_t>(index + k) * kStride);
      values[k] = static_cast<float>(bits >> 40) * 0x1p-24f;
    }
    store(args.values + i * kVector, values);
  }
}

template <int kVector>
void launch(const RowUniformsArgs& args, cudaStream_t stream) {
  const int64_t total = args.num_rows * (args.count / kVector);
  launch_kernel(row_uniforms_kernel<kVector>, num_blocks_of_loop(total, kThreads), kThreads, stream, args);
}

}  // namespace

void launch_row_uniforms(const RowUniformsArgs& args, cudaStream_t stream) {
  constexpr int kVector = kWidestPack<float>;
  const bool fits = args.count % kVector == 0 && is_aligned(args.values);
  fits ? launch<kVector>(args, stream) : launch<1>(args, stream);
}

}  // namespace molmo::cuda
