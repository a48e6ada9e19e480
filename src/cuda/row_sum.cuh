// Sums over a row that one or more warps of a block share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::cuda {

constexpr int kWarpSize = 32;
constexpr int kMaxWarps = 16;  // of a block

__device__ inline float sum_over_warp(float value) {
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

// Sums over the threads of one row; all of them get them. blockDim = (threads per row, rows per block), with whole
// warps per row. Once per kernel and kCount: the shared memory is not guarded against a second call.
template <int kCount>
__device__ void sum_over_row(float (&values)[kCount]) {
#pragma unroll
  for (int k = 0; k < kCount; ++k) values[k] = sum_over_warp(values[k]);
  const int num_warps = blockDim.x / kWarpSize;
  if (num_warps == 1) return;  // the same for the whole block: no thread is left at the barrier
  __shared__ float partial[kCount][kMaxWarps];
  const int warp = threadIdx.y * num_warps + threadIdx.x / kWarpSize;
  if (threadIdx.x % kWarpSize == 0) {
#pragma unroll
    for (int k = 0; k < kCount; ++k) partial[k][warp] = values[k];
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    values[k] = 0.0f;
    for (int i = 0; i < num_warps; ++i) values[k] += partial[k][threadIdx.y * num_warps + i];
  }
}

}  // namespace molmo::cuda
