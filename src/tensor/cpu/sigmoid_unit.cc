// x sigmoid(a x + b x^3) and its gradient, in one pass over their inputs each. Of GELU's tanh form, (1 + tanh(u)) / 2
// is sigmoid(2u), which keeps the digits that 1 + tanh(u) loses where u is far below zero.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "tensor/cpu/avx2.h"
#include "tensor/cpu/cpu_kernels.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

constexpr int64_t kValuesPerTask = 16384;

struct Unit {
  float a, b;
};

void plain_forward(Unit unit, const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float inner = x[i] * (unit.a + unit.b * x[i] * x[i]);
    y[i] = x[i] / (1.0f + std::exp(-inner));
  }
}

void plain_backward(Unit unit, const float* grad, const float* x, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float square = x[i] * x[i], sigmoid = 1.0f / (1.0f + std::exp(-x[i] * (unit.a + unit.b * square)));
    const float slope = x[i] * (unit.a + 3.0f * unit.b * square);
    to[i] = grad[i] * sigmoid * (1.0f + slope * (1.0f - sigmoid));
  }
}

MOLMO_AVX2 void avx2_forward(Unit unit, const float* x, float* y, int64_t count) {
  const __m256 a = _mm256_set1_ps(unit.a), b = _mm256_set1_ps(unit.b);
  for (int64_t i = 0; i < count; i += 8) {
    const __m256i lanes = first_lanes(count - i);
    const __m256 value = _mm256_maskload_ps(x + i, lanes);
    const __m256 inner = _mm256_mul_ps(value, _mm256_fmadd_ps(b, _mm256_mul_ps(value, value), a));
    _mm256_maskstore_ps(y + i, lanes, _mm256_mul_ps(value, sigmoid8(inner)));
  }
}

MOLMO_AVX2 void avx2_backward(Unit unit, const float* grad, const float* x, float* to, int64_t count) {
  const __m256 a = _mm256_set1_ps(unit.a), b = _mm256_set1_ps(unit.b), b3 = _mm256_set1_ps(3.0f * unit.b);
  const __m256 one = _mm256_set1_ps(1.0f);
  for (int64_t i = 0; i < count; i += 8) {
    const __m256i lanes = first_lanes(count - i);
    const __m256 value = _mm256_maskload_ps(x + i, lanes), square = _mm256_mul_ps(value, value);
    const __m256 sigmoid = sigmoid8(_mm256_mul_ps(value, _mm256_fmadd_ps(b, square, a)));
    const __m256 slope = _mm256_mul_ps(value, _mm256_fmadd_ps(b3, square, a));
    const __m256 factor = _mm256_mul_ps(sigmoid, _mm256_fmadd_ps(slope, _mm256_sub_ps(one, sigmoid), one));
    _mm256_maskstore_ps(to + i, lanes, _mm256_mul_ps(_mm256_maskload_ps(grad + i, lanes), factor));
  }
}

// Calls function(begin, count) over `total` values, several threads at a time.
template <class Function>
void for_ranges(int64_t total, const Function& function) {
  at::parallel_for(0, total, kValuesPerTask, [&](int64_t begin, int64_t end) { function(begin, end - begin); });
}

Unit unit_of(double a, double b) { return {static_cast<float>(a), static_cast<float>(b)}; }

}  // namespace

Tensor sigmoid_unit(const Tensor& x, double a, double b) {
  static const auto forward = has_avx2() ? avx2_forward : plain_forward;
  Tensor y = at::empty(x.sizes(), x.options());
  const float* from = x.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  for_ranges(x.numel(), [&](int64_t begin, int64_t count) { forward(unit_of(a, b), from + begin, to + begin, count); });
  return y;
}

Tensor sigmoid_unit_backward(const Tensor& grad, const Tensor& x, double a, double b) {
  static const auto backward = has_avx2() ? avx2_backward : plain_backward;
  Tensor y = at::empty(x.sizes(), x.options());
  const float *grads = grad.const_data_ptr<float>(), *from = x.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  for_ranges(x.numel(), [&](int64_t begin, int64_t count) {
    backward(unit_of(a, b), grads + begin, from + begin, to + begin, count);
  });
  return y;
}

}  // namespace molmo::tensor::cpu
