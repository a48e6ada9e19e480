// Division by a constant at the price of three products, with the bits of a true division.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <cmath>

namespace molmo::image {

/// A float32 divisor. quotient() equals `a / value` in every bit for finite `a` away from overflow and denormal
/// numbers: the quotient of a rounded reciprocal is corrected by its remainder, which a fused multiply-add gives
/// without error. tests/image/exact_division_test.cc checks every mantissa for the divisors of the towers.
struct ExactDivisor {
  float value, reciprocal;

  explicit ExactDivisor(float divisor) : value(divisor), reciprocal(1.0f / divisor) {}
  ExactDivisor(float divisor, float its_reciprocal) : value(divisor), reciprocal(its_reciprocal) {}

  float quotient(float a) const {
#ifdef __FMA__
    const float guess = a * reciprocal;
    const float remainder = std::fma(-guess, value, a);
    return std::fma(remainder, reciprocal, guess);
#else
    return a / value;
#endif
  }

#ifdef __AVX2__
  __m256 quotients(__m256 a) const {
#ifdef __FMA__
    const __m256 divisors = _mm256_set1_ps(value), reciprocals = _mm256_set1_ps(reciprocal);
    const __m256 guess = _mm256_mul_ps(a, reciprocals);
    return _mm256_fmadd_ps(_mm256_fnmadd_ps(guess, divisors, a), reciprocals, guess);
#else
    return _mm256_div_ps(a, _mm256_set1_ps(value));
#endif
  }
#endif
};

}  // namespace molmo::image
