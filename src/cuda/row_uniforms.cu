// A mixer of 64 bits (splitmix64) over key, place and index, as tensor/cpu/row_uniforms.cc has it. Bound by the stores:
// neighbouring threads write neighbouring values.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/row_uniforms.h"

namespace molmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 16;
constexpr uint64_t kStride = 0x9E3779B97F4A7C15ull;

__device__ uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

__global__ void __launch_bounds__(kThreads)
    row_uniforms_kernel(const int64_t* keys, float* values, uint64_t site, int64_t total, int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += step) {
    const int64_t row = at / count, index = at - row * count;
    const uint64_t start = mix(static_cast<uint64_t>(keys[row]) + site * kStride);
    const uint64_t bits = mix(start + static_cast<uint64_t>(index) * kStride);
    values[at] = static_cast<float>(bits >> 40) * 0x1p-24f;
  }
}

}  // namespace

void launch_row_uniforms(const RowUniformsArgs& args, cudaStream_t stream) {
  const int64_t total = args.num_rows * args.count;
  const auto num_blocks = static_cast<unsigned>(std::min<int64_t>((total + kThreads - 1) / kThreads, kMostBlocks));
  row_uniforms_kernel<<<num_blocks, kThreads, 0, stream>>>(args.keys, args.values, static_cast<uint64_t>(args.site),
                                                           total, args.count);
}

}  // namespace molmo::cuda
