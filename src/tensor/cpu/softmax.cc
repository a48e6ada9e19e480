// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/softmax.h"

#include <algorithm>
#include <cmath>

#include "tensor/cpu/avx2.h"

namespace molmo::tensor::cpu {
namespace {

float plain_forward(float* scores, int64_t length, float scale) {
  const float largest = *std::max_element(scores, scores + length) * scale;
  float total = 0.0f;
  for (int64_t j = 0; j < length; ++j) total += scores[j] = std::exp(scores[j] * scale - largest);
  for (int64_t j = 0; j < length; ++j) scores[j] /= total;
  return largest + std::log(total);
}

void plain_backward(float* scores, float* gradients, int64_t length, float scale, float log_sum, float mean) {
  for (int64_t j = 0; j < length; ++j) {
    scores[j] = std::exp(scores[j] * scale - log_sum);
    gradients[j] = scores[j] * (gradients[j] - mean) * scale;
  }
}

// --- AVX2: the tail of a row is a masked vector, whose other lanes hold the lowest number or zero

MOLMO_AVX2 float avx2_forward(float* scores, int64_t length, float scale) {
  const int64_t whole = length - length % 8;
  const __m256i tail = first_lanes(length - whole);
  const __m256 scales = _mm256_set1_ps(scale);
  __m256 largest = _mm256_set1_ps(scores[0]);
  for (int64_t j = 0; j < whole; j += 8) largest = _mm256_max_ps(largest, load8(scores + j));
  const __m256 last = _mm256_maskload_ps(scores + whole, tail);
  largest = _mm256_max_ps(largest, _mm256_blendv_ps(largest, last, _mm256_castsi256_ps(tail)));
  const float most = max8(largest) * scale;
  const __m256 shift = _mm256_set1_ps(most);

  __m256 sums = _mm256_setzero_ps();
  for (int64_t j = 0; j < whole; j += 8) {
    const __m256 value = exp8(_mm256_fmsub_ps(load8(scores + j), scales, shift));
    _mm256_storeu_ps(scores + j, value);
    sums = _mm256_add_ps(sums, value);
  }
  const __m256 value = _mm256_and_ps(exp8(_mm256_fmsub_ps(last, scales, shift)), _mm256_castsi256_ps(tail));
  const float total = sum8(_mm256_add_ps(sums, value));
  const __m256 inverse = _mm256_set1_ps(1.0f / total);
  for (int64_t j = 0; j < whole; j += 8) _mm256_storeu_ps(scores + j, _mm256_mul_ps(load8(scores + j), inverse));
  _mm256_maskstore_ps(scores + whole, tail, _mm256_mul_ps(value, inverse));
  return most + std::log(total);
}

MOLMO_AVX2 void avx2_backward(float* scores, float* gradients, int64_t length, float scale, float log_sum, float mean) {
  const __m256 scales = _mm256_set1_ps(scale), shift = _mm256_set1_ps(log_sum), means = _mm256_set1_ps(mean);
  for (int64_t j = 0; j < length; j += 8) {
    const __m256i lanes = first_lanes(length - j);
    const __m256 probs = exp8(_mm256_fmsub_ps(_mm256_maskload_ps(scores + j, lanes), scales, shift));
    const __m256 excess = _mm256_sub_ps(_mm256_maskload_ps(gradients + j, lanes), means);
    _mm256_maskstore_ps(scores + j, lanes, probs);
    _mm256_maskstore_ps(gradients + j, lanes, _mm256_mul_ps(_mm256_mul_ps(probs, excess), scales));
  }
}

}  // namespace

const SoftmaxLoops& softmax_loops() {
  static const SoftmaxLoops loops =
      has_avx2() ? SoftmaxLoops{avx2_forward, avx2_backward} : SoftmaxLoops{plain_forward, plain_backward};
  return loops;
}

}  // namespace molmo::tensor::cpu
