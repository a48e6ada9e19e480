// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/simd.h"

#include <bit>

#include "tensor/cpu/avx2.h"

namespace molmo::tensor::cpu {
namespace {

inline float widen(float value) { return value; }
inline float widen(c10::BFloat16 value) { return std::bit_cast<float>(uint32_t{value.x} << 16); }

// --- plain C++: eight lanes, so that the compiler finds what the baseline has
// -------------------------------------------

constexpr int64_t kLanes = 8;

template <class T>
float plain_dot(const float* x, const T* row, int64_t length) {
  float lanes[kLanes] = {};
  int64_t j = 0;
  for (; j + kLanes <= length; j += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[j + lane] * widen(row[j + lane]);
  }
  for (int64_t lane = 0; j < length; ++j, ++lane) lanes[lane] += x[j] * widen(row[j]);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

template <class T>
void plain_dot4(const float* x, const T* rows, int64_t stride, int64_t length, float* out) {
  for (int64_t i = 0; i < 4; ++i) out[i] = plain_dot(x, rows + i * stride, length);
}

template <class T>
void plain_axpy(float a, const T* row, float* y, int64_t length) {
  for (int64_t j = 0; j < length; ++j) y[j] += a * widen(row[j]);
}

// --- AVX2
// ---------------------------------------------------------------------------------------------------------------

// Two sums per row hide the latency of the multiply-add.
template <class T>
MOLMO_AVX2 float avx2_dot(const float* x, const T* row, int64_t length) {
  __m256 even = _mm256_setzero_ps(), odd = _mm256_setzero_ps();
  int64_t j = 0;
  for (; j + 16 <= length; j += 16) {
    even = _mm256_fmadd_ps(load8(x + j), load8(row + j), even);
    odd = _mm256_fmadd_ps(load8(x + j + 8), load8(row + j + 8), odd);
  }
  float total = sum8(_mm256_add_ps(even, odd));
  for (; j < length; ++j) total += x[j] * widen(row[j]);
  return total;
}

template <class T>
MOLMO_AVX2 void avx2_dot4(const float* x, const T* rows, int64_t stride, int64_t length, float* out) {
  const T *row0 = rows, *row1 = rows + stride, *row2 = rows + 2 * stride, *row3 = rows + 3 * stride;
  __m256 even[4], odd[4];
  for (int i = 0; i < 4; ++i) even[i] = odd[i] = _mm256_setzero_ps();
  int64_t j = 0;
  for (; j + 16 <= length; j += 16) {
    const __m256 a = load8(x + j), b = load8(x + j + 8);
    // The four rows behind these are the next ones to be read: short rows end before the processor has seen where they
    // lead.
    for (const T* row : {row0, row1, row2, row3})
      _mm_prefetch(reinterpret_cast<const char*>(row + 4 * stride + j), _MM_HINT_T0);
    even[0] = _mm256_fmadd_ps(a, load8(row0 + j), even[0]), odd[0] = _mm256_fmadd_ps(b, load8(row0 + j + 8), odd[0]);
    even[1] = _mm256_fmadd_ps(a, load8(row1 + j), even[1]), odd[1] = _mm256_fmadd_ps(b, load8(row1 + j + 8), odd[1]);
    even[2] = _mm256_fmadd_ps(a, load8(row2 + j), even[2]), odd[2] = _mm256_fmadd_ps(b, load8(row2 + j + 8), odd[2]);
    even[3] = _mm256_fmadd_ps(a, load8(row3 + j), even[3]), odd[3] = _mm256_fmadd_ps(b, load8(row3 + j + 8), odd[3]);
  }
  const T* row[4] = {row0, row1, row2, row3};
  for (int i = 0; i < 4; ++i) {
    out[i] = sum8(_mm256_add_ps(even[i], odd[i]));
    for (int64_t k = j; k < length; ++k) out[i] += x[k] * widen(row[i][k]);
  }
}

template <class T>
MOLMO_AVX2 void avx2_axpy(float a, const T* row, float* y, int64_t length) {
  const __m256 scale = _mm256_set1_ps(a);
  int64_t j = 0;
  for (; j + 8 <= length; j += 8) _mm256_storeu_ps(y + j, _mm256_fmadd_ps(scale, load8(row + j), load8(y + j)));
  for (; j < length; ++j) y[j] += a * widen(row[j]);
}

template <class T>
SimdLoops<T> choose() {
  if (has_avx2()) return {avx2_dot4<T>, avx2_dot<T>, avx2_axpy<T>};
  return {plain_dot4<T>, plain_dot<T>, plain_axpy<T>};
}

}  // namespace

template <class T>
const SimdLoops<T>& simd_loops() {
  static const SimdLoops<T> loops = choose<T>();
  return loops;
}

template const SimdLoops<float>& simd_loops();
template const SimdLoops<c10::BFloat16>& simd_loops();

}  // namespace molmo::tensor::cpu
