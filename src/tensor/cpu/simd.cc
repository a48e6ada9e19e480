// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/simd.h"

#include <bit>

#include "tensor/cpu/avx2.h"

namespace molmo::tensor::cpu {
namespace {

inline float widen(float value) { return value; }
inline float widen(c10::BFloat16 value) { return std::bit_cast<float>(uint32_t{value.x} << 16); }

// --- plain C++: eight lanes, which the compiler vectorises for the baseline ------------------------------------------

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
void plain_axpy(float a, const T* row, float* y, int64_t length) {
  for (int64_t j = 0; j < length; ++j) y[j] += a * widen(row[j]);
}

// --- AVX2 ------------------------------------------------------------------------------------------------------------

// Four sums hide the latency of the multiply-add. The row is read as it lies: rows one after another are one stream,
// which the processor fetches ahead by itself (four rows at a time, fetched by instructions, are a tenth slower).
template <class T>
MOLMO_AVX2 float avx2_dot(const float* x, const T* row, int64_t length) {
  __m256 sums[4];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  int64_t j = 0;
  for (; j + 32 <= length; j += 32) {
    for (int i = 0; i < 4; ++i) sums[i] = _mm256_fmadd_ps(load8(x + j + 8 * i), load8(row + j + 8 * i), sums[i]);
  }
  for (; j + 8 <= length; j += 8) sums[0] = _mm256_fmadd_ps(load8(x + j), load8(row + j), sums[0]);
  float total = sum8(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
  for (; j < length; ++j) total += x[j] * widen(row[j]);
  return total;
}

template <class T>
MOLMO_AVX2 void avx2_axpy(float a, const T* row, float* y, int64_t length) {
  const __m256 scale = _mm256_set1_ps(a);
  int64_t j = 0;
  for (; j + 8 <= length; j += 8) _mm256_storeu_ps(y + j, _mm256_fmadd_ps(scale, load8(row + j), load8(y + j)));
  for (; j < length; ++j) y[j] += a * widen(row[j]);
}

// --- AVX-512 ---------------------------------------------------------------------------------------------------------

#pragma GCC diagnostic push  // GCC 12 warns of its own intrinsics, which begin with a register of anything
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define MOLMO_AVX512 __attribute__((target("avx512f,avx2,fma")))

MOLMO_AVX512 inline __m512 load16(const float* from) { return _mm512_loadu_ps(from); }
MOLMO_AVX512 inline __m512 load16(const c10::BFloat16* from) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// Widening bfloat16 in eight lanes at a time is slower than reading it.
template <class T>
MOLMO_AVX512 float avx512_dot(const float* x, const T* row, int64_t length) {
  __m512 sums[4];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  int64_t j = 0;
  for (; j + 64 <= length; j += 64) {
    for (int i = 0; i < 4; ++i) sums[i] = _mm512_fmadd_ps(load16(x + j + 16 * i), load16(row + j + 16 * i), sums[i]);
  }
  for (; j + 16 <= length; j += 16) sums[0] = _mm512_fmadd_ps(load16(x + j), load16(row + j), sums[0]);
  float total = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
  for (; j < length; ++j) total += x[j] * widen(row[j]);
  return total;
}

#pragma GCC diagnostic pop

template <class T>
SimdLoops<T> choose() {
  if (!has_avx2()) return {plain_dot<T>, plain_axpy<T>};
  return {__builtin_cpu_supports("avx512f") ? avx512_dot<T> : avx2_dot<T>, avx2_axpy<T>};
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
