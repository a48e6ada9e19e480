// Values of the dtypes that kernels take, and packs of them that are loaded and stored as one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "cuda/element_type.h"

namespace molmo::cuda {

__device__ inline float widen(float value) { return value; }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

template <class T>
__device__ T narrow(float value);
template <>
__device__ inline float narrow<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// To T and back. PARITY: operators on T round between their steps.
template <class T>
__device__ float rounded(float value) {
  return widen(narrow<T>(value));
}

template <class T, int kVector>
struct alignas(sizeof(T) * kVector) Pack {
  T values[kVector];
};

// Loads kVector floats in parts of at most 16 bytes, the widest access there is.
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

template <class T>
constexpr int kWidestPack = 16 / sizeof(T);

inline bool is_aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

}  // namespace molmo::cuda
