// The inner loops of one-row kernels, in the widest instructions that this processor has (AVX-512, AVX2 with FMA, or
// plain C++). Sums run in a fixed order that depends on the length alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace molmo::tensor::cpu {

/// For rows of type T: float or c10::BFloat16, which is widened exactly.
template <class T>
struct SimdLoops {
  /// The sum over j of x[j] * row[j].
  float (*dot)(const float* x, const T* row, int64_t length);
  /// y[j] += a * row[j].
  void (*axpy)(float a, const T* row, float* y, int64_t length);
};

template <class T>
const SimdLoops<T>& simd_loops();

}  // namespace molmo::tensor::cpu
