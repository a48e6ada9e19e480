// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/rows.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

// A row's sums run in this many lanes, in an order that depends on the row's width alone: a row's result is the same
// bits in any batch and with any number of threads.
constexpr int64_t kNumLanes = 32;
constexpr int64_t kRowsPerPart = 64;  // whose share of the weight's gradient is summed on its own, for the same reason

// The sum of term(i) over i < width.
template <class Term>
float sum_of(int64_t width, const Term& term) {
  float lanes[kNumLanes] = {};
  int64_t i = 0;
  for (; i + kNumLanes <= width; i += kNumLanes) {
    for (int64_t lane = 0; lane < kNumLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (int64_t lane = 0; i < width; ++i, ++lane) lanes[lane] += term(i);
  for (int64_t half = kNumLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

template <class T>
float inverse_norm(const T* x, int64_t width, float eps) {
  const float squares = sum_of(width, [x](int64_t i) { return static_cast<float>(x[i]) * static_cast<float>(x[i]); });
  return 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
}

// PARITY: rounded to x's dtype before the weight is applied.
template <class T>
float rounded(float value) {
  return static_cast<float>(static_cast<T>(value));
}

template <class T>
void normalize_row(const T* x, const float* weight, float* y, int64_t width, float eps) {
  const float scale = inverse_norm(x, width, eps);
  for (int64_t i = 0; i < width; ++i) y[i] = weight[i] * rounded<T>(static_cast<float>(x[i]) * scale);
}

template <class T>
void normalize_rows(const Tensor& x, const Tensor& weight, Tensor& y, float eps) {
  const int64_t width = x.size(-1);
  const T* from = x.const_data_ptr<T>();
  const float* scales = weight.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  for_rows(x.numel() / width, width,
           [=](int64_t row) { normalize_row(from + row * width, scales, to + row * width, width, eps); });
}

// With s = 1 / norm, n = round(s x) and g = round(grad weight): to_x = s g - x s^3 mean(g x), to_weight += grad n.
template <class T>
void backward_row(const float* grad, const T* x, const float* weight, T* to_x, float* to_weight, int64_t width,
                  float eps) {
  const float scale = inverse_norm(x, width, eps);
  const auto inner = [=](int64_t i) { return rounded<T>(grad[i] * weight[i]); };
  const float mean =
      sum_of(width, [=](int64_t i) { return inner(i) * static_cast<float>(x[i]); }) / static_cast<float>(width);
  const float back = scale * scale * scale * mean;
  for (int64_t i = 0; i < width; ++i) {
    const float value = static_cast<float>(x[i]);
    to_x[i] = static_cast<T>(scale * inner(i) - value * back);
    to_weight[i] += grad[i] * rounded<T>(value * scale);
  }
}

template <class T>
void backward_rows(const Tensor& grad, const Tensor& x, const Tensor& weight, Tensor& to_x, Tensor& parts, float eps) {
  const int64_t width = x.size(-1), num_rows = x.numel() / width;
  const float *grads = grad.const_data_ptr<float>(), *scales = weight.const_data_ptr<float>();
  const T* from = x.const_data_ptr<T>();
  T* to = to_x.mutable_data_ptr<T>();
  float* sums = parts.mutable_data_ptr<float>();
  at::parallel_for(0, parts.size(0), 1, [=](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t last = std::min(num_rows, (part + 1) * kRowsPerPart);
      for (int64_t row = part * kRowsPerPart; row < last; ++row)
        backward_row(grads + row * width, from + row * width, scales, to + row * width, sums + part * width, width,
                     eps);
    }
  });
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  Tensor y = at::empty(x.sizes(), x.options().dtype(at::kFloat));
  if (x.scalar_type() == at::kFloat) {
    normalize_rows<float>(x, weight, y, static_cast<float>(eps));
  } else {
    normalize_rows<at::BFloat16>(x, weight, y, static_cast<float>(eps));
  }
  return y;
}

std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, double eps) {
  const int64_t width = x.size(-1), num_rows = x.numel() / width;
  Tensor to_x = at::empty(x.sizes(), x.options());
  Tensor parts = at::zeros({(num_rows + kRowsPerPart - 1) / kRowsPerPart, width}, weight.options());
  if (x.scalar_type() == at::kFloat) {
    backward_rows<float>(grad, x, weight, to_x, parts, static_cast<float>(eps));
  } else {
    backward_rows<at::BFloat16>(grad, x, weight, to_x, parts, static_cast<float>(eps));
  }
  return {to_x, parts.sum(0)};
}

}  // namespace molmo::tensor::cpu
