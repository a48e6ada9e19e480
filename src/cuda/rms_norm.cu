// RMSNorm: y = weight * round(x / sqrt(mean(x^2) + eps)), float32 inside. Bound by memory: each value is read from it
// once (a second pass hits the cache, a row being a few KiB) in loads of 16 bytes. One warp or more per row: partial
// sums go through warp shuffles, then, for wide rows, through shared memory.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/elements.cuh"
#include "cuda/launch.cuh"
#include "cuda/rms_norm.h"
#include "cuda/row_sum.cuh"

namespace molmo::cuda {
namespace {

template <class T, int kVector>
__global__ void __launch_bounds__(kMaxWarps* kWarpSize)
    rms_norm_kernel(const T* x, const float* weight, float* y, int64_t num_rows, int width, float eps) {
  using Packed = Pack<T, kVector>;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const bool is_row = row < num_rows;  // the last block may have rows to spare, whose threads still meet the barrier
  const auto* from = reinterpret_cast<const Packed*>(x + (is_row ? row : 0) * width);
  const int num_packs = width / kVector;

  float sums[1] = {0.0f};
  for (int i = threadIdx.x; i < num_packs; i += blockDim.x) {
    const Packed pack = from[i];
#pragma unroll
    for (int k = 0; k < kVector; ++k) sums[0] = fmaf(widen(pack.values[k]), widen(pack.values[k]), sums[0]);
  }
  sum_over_row(sums);
  const float scale = 1.0f / sqrtf(sums[0] / static_cast<float>(width) + eps);
  if (!is_row) return;

  for (int i = threadIdx.x; i < num_packs; i += blockDim.x) {
    const Packed pack = from[i];
    float values[kVector];
    load(values, weight + i * kVector);
#pragma unroll
    for (int k = 0; k < kVector; ++k) values[k] *= rounded<T>(widen(pack.values[k]) * scale);
    store(y + row * width + static_cast<int64_t>(i) * kVector, values);
  }
}

// With s = 1 / norm and g = round(grad weight): to_x = s g - x s^3 mean(g x). `scales` keeps s for the weight's turn.
template <class T, int kVector>
__global__ void __launch_bounds__(kMaxWarps* kWarpSize) rms_norm_backward_kernel(RmsNormBackwardArgs args) {
  using Packed = Pack<T, kVector>;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const bool is_row = row < args.num_rows;
  const int64_t start = (is_row ? row : 0) * args.width;
  const auto* from = reinterpret_cast<const Packed*>(static_cast<const T*>(args.x) + start);
  const int num_packs = args.width / kVector;
  const auto inner = [&](int i, float(&values)[kVector]) {
    float weights[kVector];
    load(values, args.grad + start + static_cast<int64_t>(i) * kVector);
    load(weights, args.weight + i * kVector);
#pragma unroll
    for (int k = 0; k < kVector; ++k) values[k] = rounded<T>(values[k] * weights[k]);
  };

  float sums[2] = {0.0f, 0.0f};  // of x^2 and g x
  for (int i = threadIdx.x; i < num_packs; i += blockDim.x) {
    const Packed pack = from[i];
    float values[kVector];
    inner(i, values);
#pragma unroll
    for (int k = 0; k < kVector; ++k) {
      const float x = widen(pack.values[k]);
      sums[0] = fmaf(x, x, sums[0]);
      sums[1] = fmaf(values[k], x, sums[1]);
    }
  }
  sum_over_row(sums);
  if (!is_row) return;
  const float width = static_cast<float>(args.width), scale = 1.0f / sqrtf(sums[0] / width + args.eps);
  const float back = scale * scale * scale * (sums[1] / width);
  if (threadIdx.x == 0) args.scales[row] = scale;

  auto* to = reinterpret_cast<Packed*>(static_cast<T*>(args.to_x) + start);
  for (int i = threadIdx.x; i < num_packs; i += blockDim.x) {
    Packed pack = from[i];
    float values[kVector];
    inner(i, values);
#pragma unroll
    for (int k = 0; k < kVector; ++k) pack.values[k] = narrow<T>(scale * values[k] - widen(pack.values[k]) * back);
    to[i] = pack;
  }
}

constexpr int kColumns = kWarpSize, kLines = 8;  // of a block

// A block sums grad * round(s x) over the rows of one part, kLines rows at a time. The order of a sum depends on the
// rows alone.
template <class T>
__global__ void __launch_bounds__(kColumns* kLines) weight_gradient_kernel(RmsNormBackwardArgs args) {
  __shared__ float lines[kLines][kColumns];
  const int column = static_cast<int>(blockIdx.x) * kColumns + threadIdx.x;
  const int64_t part = blockIdx.y, first = part * kRowsPerPart;
  const int64_t last = min(args.num_rows, first + kRowsPerPart);
  float sum = 0.0f;
  if (column < args.width) {
    for (int64_t row = first + threadIdx.y; row < last; row += kLines) {
      const int64_t at = row * args.width + column;
      sum += args.grad[at] * rounded<T>(widen(static_cast<const T*>(args.x)[at]) * args.scales[row]);
    }
  }
  lines[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= args.width) return;
  for (int line = 1; line < kLines; ++line) sum += lines[line][threadIdx.x];
  args.to_weight[part * args.width + column] = sum;
}

// One warp or more per row.
struct Grid {
  dim3 block;
  unsigned num_blocks;

  Grid(int64_t num_rows, int num_packs) {
    const int warps_per_row =
        std::clamp((num_packs + 2 * kWarpSize - 1) / (2 * kWarpSize), 1, kMaxWarps);  // two packs a thread
    const int rows_per_block = warps_per_row == 1 ? 4 : 1;
    block = dim3(warps_per_row * kWarpSize, rows_per_block);
    num_blocks = num_blocks_for(num_rows, rows_per_block);
  }
};

template <class T, int kVector>
void launch(const RmsNormArgs& args, cudaStream_t stream) {
  const Grid grid(args.num_rows, args.width / kVector);
  launch_kernel(rms_norm_kernel<T, kVector>, grid.num_blocks, grid.block, stream, static_cast<const T*>(args.x),
                args.weight, args.y, args.num_rows, args.width, args.eps);
}

// Wide loads where every row starts on 16 bytes, single values elsewhere.
template <class T>
void launch_fitting(const RmsNormArgs& args, cudaStream_t stream) {
  constexpr int kVector = kWidestPack<T>;
  const bool fits = args.width % kVector == 0 && is_aligned(args.x) && is_aligned(args.weight) && is_aligned(args.y);
  fits ? launch<T, kVector>(args, stream) : launch<T, 1>(args, stream);
}

template <class T, int kVector>
void launch_backward(const RmsNormBackwardArgs& args, cudaStream_t stream) {
  const Grid grid(args.num_rows, args.width / kVector);
  launch_kernel(rms_norm_backward_kernel<T, kVector>, grid.num_blocks, grid.block, stream, args);
  const dim3 parts(num_blocks_for(args.width, kColumns), num_blocks_for(args.num_rows, kRowsPerPart));
  launch_kernel(weight_gradient_kernel<T>, parts, dim3(kColumns, kLines), stream, args);
}

template <class T>
void launch_backward_fitting(const RmsNormBackwardArgs& args, cudaStream_t stream) {
  constexpr int kVector = kWidestPack<T>;
  const bool fits = args.width % kVector == 0 && is_aligned(args.grad) && is_aligned(args.x) &&
                    is_aligned(args.weight) && is_aligned(args.to_x);
  fits ? launch_backward<T, kVector>(args, stream) : launch_backward<T, 1>(args, stream);
}

}  // namespace

void launch_rms_norm(const RmsNormArgs& args, cudaStream_t stream) {
  if (args.type == ElementType::kFloat32) {
    launch_fitting<float>(args, stream);
  } else {
    launch_fitting<__nv_bfloat16>(args, stream);
  }
}

void launch_rms_norm_backward(const RmsNormBackwardArgs& args, cudaStream_t stream) {
  if (args.type == ElementType::kFloat32) {
    launch_backward_fitting<float>(args, stream);
  } else {
    launch_backward_fitting<__nv_bfloat16>(args, stream);
  }
}

}  // namespace molmo::cuda
