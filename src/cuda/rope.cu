// Rotary positions: pairs (i, i + width / 2) are rotated in float32. A block takes one position and all its heads,
// which lie side by side where x is a view of [rows, positions, heads * width]; the tables are read once per block from
// memory.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/elements.cuh"
#include "cuda/launch.cuh"
#include "cuda/rope.h"

namespace molmo::cuda {
namespace {

constexpr int kMostThreads = 256;

template <class T, int kVector>
__global__ void __launch_bounds__(kMostThreads) rope_kernel(RopeArgs args) {
  using Packed = Pack<T, kVector>;
  const int64_t row = blockIdx.x / args.num_positions, position = blockIdx.x - row * args.num_positions;
  const int half = args.width / 2, num_packs = half / kVector;
  const int64_t table = ((args.has_table_per_row ? row * args.num_positions : 0) + position) * args.width;
  const T* from = static_cast<const T*>(args.x) + row * args.x_strides.row + position * args.x_strides.position;
  T* to = static_cast<T*>(args.y) + row * args.y_strides.row + position * args.y_strides.position;
  for (int i = threadIdx.x; i < args.num_heads * num_packs; i += blockDim.x) {
    const int head = i / num_packs, at = (i - head * num_packs) * kVector;
    const T* in = from + head * args.x_strides.head + at;
    T* out = to + head * args.y_strides.head + at;
    Packed first = *reinterpret_cast<const Packed*>(in), second = *reinterpret_cast<const Packed*>(in + half);
    float sines[2][kVector], cosines[2][kVector];
    load(sines[0], args.sin + table + at);
    load(sines[1], args.sin + table + half + at);
    load(cosines[0], args.cos + table + at);
    load(cosines[1], args.cos + table + half + at);
#pragma unroll
    for (int k = 0; k < kVector; ++k) {
      const float a = widen(first.values[k]), b = widen(second.values[k]);
      first.values[k] = narrow<T>(a * cosines[0][k] - b * sines[0][k]);
      second.values[k] = narrow<T>(b * cosines[1][k] + a * sines[1][k]);
    }
    *reinterpret_cast<Packed*>(out) = first;
    *reinterpret_cast<Packed*>(out + half) = second;
  }
}

template <class T, int kVector>
void launch(const RopeArgs& args, cudaStream_t stream) {
  const int num_packs = args.num_heads * (args.width / 2 / kVector);
  const int num_threads = std::min(kMostThreads, (num_packs + 31) / 32 * 32);
  launch_kernel(rope_kernel<T, kVector>, num_blocks_of(args.num_rows * args.num_positions), num_threads, stream, args);
}

template <class T>
void launch_fitting(const RopeArgs& args, cudaStream_t stream) {
  constexpr int kVector = kWidestPack<T>;
  const auto are_aligned = [](const RopeStrides& strides) {
    return strides.row % kVector == 0 && strides.head % kVector == 0 && strides.position % kVector == 0;
  };
  const bool fits = args.width / 2 % kVector == 0 && is_aligned(args.x) && is_aligned(args.y) && is_aligned(args.sin) &&
                    is_aligned(args.cos) && are_aligned(args.x_strides) && are_aligned(args.y_strides);
  fits ? launch<T, kVector>(args, stream) : launch<T, 1>(args, stream);
}

}  // namespace

void launch_rope(const RopeArgs& args, cudaStream_t stream) {
  if (args.type == ElementType::kFloat32) {
    launch_fitting<float>(args, stream);
  } else {
    launch_fitting<__nv_bfloat16>(args, stream);
  }
}

}  // namespace molmo::cuda
