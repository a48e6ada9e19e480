// silu(gate) * up and its gradient, in one pass over their inputs each. Bound by memory: loads and stores of 16 bytes.
// SPDX-License-Identifier: Apache-2.0
#include "cuda/elements.cuh"
#include "cuda/launch.cuh"
#include "cuda/swiglu.h"

namespace molmo::cuda {
namespace {

constexpr int kThreads = 256;

template <class T, int kVector>
using In = const Pack<T, kVector>*;
template <class T, int kVector>
using Out = Pack<T, kVector>*;

__device__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// PARITY: silu and its gradient are rounded to the dtype before a product, as operators on that dtype do.
template <class T, int kVector, bool kIsForward>
__global__ void __launch_bounds__(kThreads) swiglu_kernel(SwiGluArgs args) {
  const int64_t packs_per_row = args.width / kVector, total = args.num_rows * packs_per_row;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += step) {
    const int64_t row = i / packs_per_row, at = (i - row * packs_per_row) * kVector;
    const Pack<T, kVector> up =
        *reinterpret_cast<In<T, kVector>>(static_cast<const T*>(args.up) + row * args.up_step + at);
    const Pack<T, kVector> gate =
        *reinterpret_cast<In<T, kVector>>(static_cast<const T*>(args.gate) + row * args.gate_step + at);
    if constexpr (kIsForward) {
      Pack<T, kVector> y;
#pragma unroll
      for (int k = 0; k < kVector; ++k) {
        const float g = widen(gate.values[k]);
        y.values[k] = narrow<T>(rounded<T>(g * sigmoid(g)) * widen(up.values[k]));
      }
      static_cast<Out<T, kVector>>(args.y)[i] = y;
    } else {
      const Pack<T, kVector> grad = static_cast<In<T, kVector>>(args.grad)[i];
      Pack<T, kVector> to_up, to_gate;
#pragma unroll
      for (int k = 0; k < kVector; ++k) {
        const float g = widen(gate.values[k]), dy = widen(grad.values[k]), s = sigmoid(g);
        to_up.values[k] = narrow<T>(dy * rounded<T>(g * s));
        to_gate.values[k] = narrow<T>(rounded<T>(dy * widen(up.values[k])) * s * (1.0f + g * (1.0f - s)));
      }
      auto* const to = static_cast<T*>(args.to_both) + 2 * row * args.width + at;
      *reinterpret_cast<Out<T, kVector>>(to) = to_up;
      *reinterpret_cast<Out<T, kVector>>(to + args.width) = to_gate;
    }
  }
}

template <class T, int kVector, bool kIsForward>
void launch(const SwiGluArgs& args, cudaStream_t stream) {
  const int64_t total = args.num_rows * (args.width / kVector);
  launch_kernel(swiglu_kernel<T, kVector, kIsForward>, num_blocks_of_loop(total, kThreads), kThreads, stream, args);
}

template <class T, bool kIsForward>
void launch_fitting(const SwiGluArgs& args, cudaStream_t stream) {
  constexpr int kVector = kWidestPack<T>;
  bool fits = args.width % kVector == 0 && args.up_step % kVector == 0 && args.gate_step % kVector == 0;
  for (const void* pointer :
       {args.up, args.gate, args.grad, static_cast<const void*>(args.y), static_cast<const void*>(args.to_both)})
    fits = fits && is_aligned(pointer);  // those that are not used are null
  fits ? launch<T, kVector, kIsForward>(args, stream) : launch<T, 1, kIsForward>(args, stream);
}

template <bool kIsForward>
void launch_of_type(const SwiGluArgs& args, cudaStream_t stream) {
  if (args.type == ElementType::kFloat32) {
    launch_fitting<float, kIsForward>(args, stream);
  } else {
    launch_fitting<__nv_bfloat16, kIsForward>(args, stream);
  }
}

}  // namespace

void launch_swiglu(const SwiGluArgs& args, cudaStream_t stream) { launch_of_type<true>(args, stream); }
void launch_swiglu_backward(const SwiGluArgs& args, cudaStream_t stream) { launch_of_type<false>(args, stream); }

}  // namespace molmo::cuda
