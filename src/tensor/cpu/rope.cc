// Rotary positions in one pass over their input.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/rows.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

template <class T>
void rotate_row(const T* in, const float* sines, const float* cosines, T* out, int64_t half) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = static_cast<float>(in[i]), b = static_cast<float>(in[i + half]);
    out[i] = static_cast<T>(a * cosines[i] + -b * sines[i]);
    out[i + half] = static_cast<T>(b * cosines[i + half] + a * sines[i + half]);
  }
}

// x and y [B, heads, S, Dh] with any strides but a dense last axis; sin and cos [B, S, Dh] or [1, S, Dh].
template <class T>
void rotate(const Tensor& x, const Tensor& sin, const Tensor& cos, Tensor& y) {
  const int64_t heads = x.size(1), length = x.size(2), width = x.size(3);
  const T* from = x.const_data_ptr<T>();
  const float *sines = sin.const_data_ptr<float>(), *cosines = cos.const_data_ptr<float>();
  T* to = y.mutable_data_ptr<T>();
  const int64_t row_step = sin.size(0) == 1 ? 0 : length * width;
  // Position by position, all heads: the order in which they lie where x is a view of [B, S, heads * Dh].
  for_rows(x.size(0) * length, heads * width, [&](int64_t at) {
    const int64_t row = at / length, position = at % length, table = row * row_step + position * width;
    for (int64_t head = 0; head < heads; ++head) {
      rotate_row(from + row * x.stride(0) + head * x.stride(1) + position * x.stride(2), sines + table, cosines + table,
                 to + row * y.stride(0) + head * y.stride(1) + position * y.stride(2), width / 2);
    }
  });
}

}  // namespace

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  Tensor y = at::empty_like(x);  // laid out as x
  if (x.scalar_type() == at::kFloat) {
    rotate<float>(x, sin, cos, y);
  } else {
    rotate<c10::BFloat16>(x, sin, cos, y);
  }
  return y;
}

}  // namespace molmo::tensor::cpu
