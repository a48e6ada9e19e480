// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "tensor/cpu/cpu_kernels.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

// The sum of squares runs in this many lanes, in an order that depends on the row's width alone: a row's result is the
// same bits in any batch and with any number of threads.
constexpr int64_t kNumLanes = 32;
constexpr int64_t kValuesPerTask = 16384;

template <class T>
float sum_of_squares(const T* x, int64_t width) {
  float lanes[kNumLanes] = {};
  int64_t i = 0;
  for (; i + kNumLanes <= width; i += kNumLanes) {
    for (int64_t lane = 0; lane < kNumLanes; ++lane) {
      const float value = static_cast<float>(x[i + lane]);
      lanes[lane] += value * value;
    }
  }
  for (int64_t lane = 0; i < width; ++i, ++lane) lanes[lane] += static_cast<float>(x[i]) * static_cast<float>(x[i]);
  for (int64_t half = kNumLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

template <class T>
void normalize_row(const T* x, const float* weight, float* y, int64_t width, float eps) {
  const float scale = 1.0f / std::sqrt(sum_of_squares(x, width) / static_cast<float>(width) + eps);
  // PARITY: rounded to x's dtype before the weight is applied.
  for (int64_t i = 0; i < width; ++i)
    y[i] = weight[i] * static_cast<float>(static_cast<T>(static_cast<float>(x[i]) * scale));
}

template <class T>
void normalize_rows(const Tensor& x, const Tensor& weight, Tensor& y, float eps) {
  const int64_t width = x.size(-1);
  const T* from = x.const_data_ptr<T>();
  const float* scales = weight.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  at::parallel_for(0, x.numel() / width, std::max<int64_t>(1, kValuesPerTask / width), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) normalize_row(from + row * width, scales, to + row * width, width, eps);
  });
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {  // [..., D], [D] -> [..., D] float32
  Tensor y = at::empty(x.sizes(), x.options().dtype(at::kFloat));
  if (x.scalar_type() == at::kFloat) {
    normalize_rows<float>(x, weight, y, static_cast<float>(eps));
  } else {
    normalize_rows<at::BFloat16>(x, weight, y, static_cast<float>(eps));
  }
  return y;
}

}  // namespace molmo::tensor::cpu
