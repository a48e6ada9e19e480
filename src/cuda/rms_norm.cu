// RMSNorm forward: y = weight * round(x / sqrt(mean(x^2) + eps)), float32 inside. Bound by memory: each value is read
// from it once (the second pass hits the cache, a row being a few KiB) in loads of 16 bytes. One warp or more per row:
// partial sums go through warp shuffles, then, for wide rows, through shared memory.
// SPDX-License-Identifier: Apache-2.0
#include <cuda_bf16.h>

#include <algorithm>

#include "cuda/rms_norm.h"

namespace molmo::cuda {
namespace {

constexpr int kWarpSize = 32;
constexpr int kMaxWarps = 16;  // of a block

__device__ float widen(float value) { return value; }
__device__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

// To the dtype of x and back. PARITY: happens before the weight is applied.
__device__ float round_like(float value, float) { return value; }
__device__ float round_like(float value, __nv_bfloat16) { return __bfloat162float(__float2bfloat16_rn(value)); }

// kVector values that are loaded and stored as one.
template <class T, int kVector>
struct alignas(sizeof(T) * kVector) Pack {
  T values[kVector];
};

// Stores kVector floats in parts of at most 16 bytes, the widest access there is.
template <int kVector>
__device__ void store(float* to, const float (&values)[kVector]) {
  constexpr int kPart = kVector < 4 ? kVector : 4;
#pragma unroll
  for (int part = 0; part < kVector; part += kPart) {
    Pack<float, kPart> pack;
#pragma unroll
    for (int i = 0; i < kPart; ++i) pack.values[i] = values[part + i];
    *reinterpret_cast<Pack<float, kPart>*>(to + part) = pack;
  }
}

template <int kVector>
__device__ void load(float (&values)[kVector], const float* from) {
  constexpr int kPart = kVector < 4 ? kVector : 4;
#pragma unroll
  for (int part = 0; part < kVector; part += kPart) {
    const auto pack = *reinterpret_cast<const Pack<float, kPart>*>(from + part);
#pragma unroll
    for (int i = 0; i < kPart; ++i) values[part + i] = pack.values[i];
  }
}

__device__ float sum_over_warp(float value) {
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

// Sum over the threads of one row; all of them get it. blockDim = (threads per row, rows per block).
__device__ float sum_over_row(float value) {
  value = sum_over_warp(value);
  const int num_warps = blockDim.x / kWarpSize;
  if (num_warps == 1) return value;  // the same for the whole block: no thread is left at the barrier
  __shared__ float partial[kMaxWarps];
  const int warp = threadIdx.y * num_warps + threadIdx.x / kWarpSize;
  if (threadIdx.x % kWarpSize == 0) partial[warp] = value;
  __syncthreads();
  float total = 0.0f;
  for (int i = 0; i < num_warps; ++i) total += partial[threadIdx.y * num_warps + i];
  return total;
}

template <class T, int kVector>
__global__ void __launch_bounds__(kMaxWarps* kWarpSize)
    rms_norm_kernel(const T* x, const float* weight, float* y, int64_t num_rows, int width, float eps) {
  using Packed = Pack<T, kVector>;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const bool is_row = row < num_rows;  // the last block may have rows to spare, whose threads still meet the barrier
  const auto* from = reinterpret_cast<const Packed*>(x + (is_row ? row : 0) * width);
  const int num_packs = width / kVector;

  float sum = 0.0f;
  for (int i = threadIdx.x; i < num_packs; i += blockDim.x) {
    const Packed pack = from[i];
#pragma unroll
    for (int k = 0; k < kVector; ++k) sum = fmaf(widen(pack.values[k]), widen(pack.values[k]), sum);
  }
  const float scale = 1.0f / sqrtf(sum_over_row(sum) / static_cast<float>(width) + eps);
  if (!is_row) return;

  for (int i = threadIdx.x; i < num_packs; i += blockDim.x) {
    const Packed pack = from[i];
    float values[kVector];
    load(values, weight + i * kVector);
#pragma unroll
    for (int k = 0; k < kVector; ++k) values[k] *= round_like(widen(pack.values[k]) * scale, T());
    store(y + row * width + static_cast<int64_t>(i) * kVector, values);
  }
}

template <class T, int kVector>
void launch(const RmsNormArgs& args, cudaStream_t stream) {
  const int num_packs = args.width / kVector;
  const int warps_per_row =
      std::clamp((num_packs + 2 * kWarpSize - 1) / (2 * kWarpSize), 1, kMaxWarps);  // two packs a thread
  const int rows_per_block = warps_per_row == 1 ? 4 : 1;
  const dim3 block(warps_per_row * kWarpSize, rows_per_block);
  const auto num_blocks = static_cast<unsigned>((args.num_rows + rows_per_block - 1) / rows_per_block);
  rms_norm_kernel<T, kVector><<<num_blocks, block, 0, stream>>>(static_cast<const T*>(args.x), args.weight, args.y,
                                                                args.num_rows, args.width, args.eps);
}

bool is_aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// Wide loads where every row starts on 16 bytes, single values elsewhere.
template <class T>
void launch_fitting(const RmsNormArgs& args, cudaStream_t stream) {
  constexpr int kVector = 16 / sizeof(T);
  const bool fits = args.width % kVector == 0 && is_aligned(args.x) && is_aligned(args.weight) && is_aligned(args.y);
  fits ? launch<T, kVector>(args, stream) : launch<T, 1>(args, stream);
}

}  // namespace

void launch_rms_norm(const RmsNormArgs& args, cudaStream_t stream) {
  if (args.type == ElementType::kFloat32) {
    launch_fitting<float>(args, stream);
  } else {
    launch_fitting<__nv_bfloat16>(args, stream);
  }
}

}  // namespace molmo::cuda
