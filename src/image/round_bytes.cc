// SPDX-License-Identifier: Apache-2.0
#include "image/round_bytes.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>

#include "image/exact_division.h"

namespace molmo::image {
namespace {

constexpr float kMost = 255.0f;

float rounded(float value) { return std::nearbyint(std::clamp(value, 0.0f, kMost)); }

#ifdef __AVX2__
// Eight values in [0, 255] as integers; the conversion rounds half to even.
__m256i rounded8(const float* values) {
  const __m256 value =
      _mm256_min_ps(_mm256_max_ps(_mm256_loadu_ps(values), _mm256_setzero_ps()), _mm256_set1_ps(kMost));
  return _mm256_cvtps_epi32(value);
}
#endif

}  // namespace

void round_to_bytes(const float* values, size_t count, uint8_t* out) {
  size_t i = 0;
#ifdef __AVX2__
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // packing works within halves
  for (; i + 32 <= count; i += 32) {
    const __m256i low = _mm256_packus_epi32(rounded8(values + i), rounded8(values + i + 8));
    const __m256i high = _mm256_packus_epi32(rounded8(values + i + 16), rounded8(values + i + 24));
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), bytes);
  }
#endif
  for (; i < count; ++i) out[i] = static_cast<uint8_t>(rounded(values[i]));
}

void round_to_unit(float* values, size_t count) {
  const ExactDivisor most(kMost);
  size_t i = 0;
#ifdef __AVX2__
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(values + i, most.quotients(_mm256_cvtepi32_ps(rounded8(values + i))));
#endif
  for (; i < count; ++i) values[i] = most.quotient(rounded(values[i]));
}

}  // namespace molmo::image
