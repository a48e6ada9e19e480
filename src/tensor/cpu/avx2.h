// What the files with AVX2 code share. A function that uses it carries MOLMO_AVX2 and is called only where has_avx2().
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/BFloat16.h>
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define MOLMO_AVX2 __attribute__((target("avx2,fma")))

namespace molmo::tensor::cpu {

inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

MOLMO_AVX2 inline __m256 load8(const float* from) { return _mm256_loadu_ps(from); }
MOLMO_AVX2 inline __m256 load8(const c10::BFloat16* from) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/// All bits of the first `count` of eight lanes: none for count <= 0, all for count >= 8.
MOLMO_AVX2 inline __m256i first_lanes(int64_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const auto bounded = static_cast<int>(std::clamp<int64_t>(count, 0, 8));  // a range may have 2^31 values and more
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(bounded), lanes);
}

/// v rounded to T (to nearest, ties to even), in float32.
template <class T>
MOLMO_AVX2 inline __m256 rounded8(__m256 v) {
  if constexpr (std::is_same_v<T, float>) return v;
  const __m256i bits = _mm256_castps_si256(v),
                is_odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(is_odd, _mm256_set1_epi32(0x7fff)));
  const __m256 kept = _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  return _mm256_blendv_ps(kept, _mm256_set1_ps(NAN), _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}

/// The first `count` values of eight, and zeros; all for count >= 8.
MOLMO_AVX2 inline __m256 load_first(const float* from, int64_t count) {
  return _mm256_maskload_ps(from, first_lanes(count));
}
MOLMO_AVX2 inline __m256 load_first(const c10::BFloat16* from, int64_t count) {
  if (count >= 8) return load8(from);
  c10::BFloat16 values[8] = {};
  std::memcpy(values, from, static_cast<size_t>(count) * sizeof(c10::BFloat16));
  return load8(values);
}

/// Writes the first `count` of eight values, rounded.
MOLMO_AVX2 inline void store_first(float* to, int64_t count, __m256 v) {
  _mm256_maskstore_ps(to, first_lanes(count), v);
}
MOLMO_AVX2 inline void store_first(c10::BFloat16* to, int64_t count, __m256 v) {
  const __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(rounded8<c10::BFloat16>(v)), 16);
  const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
  if (count >= 8) return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), packed);
  alignas(16) uint16_t values[8];
  _mm_store_si128(reinterpret_cast<__m128i*>(values), packed);
  std::memcpy(to, values, static_cast<size_t>(count) * sizeof(uint16_t));
}

MOLMO_AVX2 inline float sum8(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

MOLMO_AVX2 inline float max8(__m256 v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/// e^x, to about one unit in the last place: 2^n times the Taylor polynomial of the rest, |rest| <= ln(2)/2. Zero below
/// -87.3, where float32 has no normal numbers left; at most e^88.3.
MOLMO_AVX2 inline __m256 exp8(__m256 x) {
  const __m256 lowest = _mm256_set1_ps(-87.3f);
  const __m256 bounded = _mm256_min_ps(_mm256_max_ps(x, lowest), _mm256_set1_ps(88.3f));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(bounded, _mm256_set1_ps(1.44269504f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 rest = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), bounded);  // ln(2) in two parts: the first is exact
  rest = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), rest);
  __m256 sum = _mm256_set1_ps(1.0f / 5040.0f);
  for (const float coefficient : {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f})
    sum = _mm256_fmadd_ps(sum, rest, _mm256_set1_ps(coefficient));
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_and_ps(_mm256_mul_ps(sum, _mm256_castsi256_ps(power)), _mm256_cmp_ps(x, lowest, _CMP_GE_OQ));
}

/// 1 / (1 + e^-x)
MOLMO_AVX2 inline __m256 sigmoid8(__m256 x) {
  const __m256 one = _mm256_set1_ps(1.0f);
  return _mm256_div_ps(one, _mm256_add_ps(one, exp8(_mm256_sub_ps(_mm256_setzero_ps(), x))));
}

}  // namespace molmo::tensor::cpu
