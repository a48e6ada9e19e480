// Rotary positions and SwiGLU in one pass over their input each.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "tensor/cpu/cpu_kernels.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

constexpr int64_t kValuesPerTask = 16384;

// x [B, heads, S, Dh] with any strides but a dense last axis; sin and cos [B, S, Dh] or [1, S, Dh].
template <class T>
void rotate(const Tensor& x, const Tensor& sin, const Tensor& cos, Tensor& y) {
  const int64_t heads = x.size(1), length = x.size(2), width = x.size(3), half = width / 2;
  const T* from = x.const_data_ptr<T>();
  const float *s = sin.const_data_ptr<float>(), *c = cos.const_data_ptr<float>();
  T* to = y.mutable_data_ptr<T>();
  const int64_t row_step = sin.size(0) == 1 ? 0 : length * width;
  at::parallel_for(0, x.size(0) * heads * length, std::max<int64_t>(1, kValuesPerTask / width),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end; ++row) {
                       const int64_t position = row % length, head = row / length % heads, batch = row / length / heads;
                       const T* in = from + batch * x.stride(0) + head * x.stride(1) + position * x.stride(2);
                       const float *sines = s + batch * row_step + position * width,
                                   *cosines = c + batch * row_step + position * width;
                       T* out = to + row * width;
                       for (int64_t i = 0; i < half; ++i) {
                         const float a = static_cast<float>(in[i]), b = static_cast<float>(in[i + half]);
                         out[i] = static_cast<T>(a * cosines[i] + -b * sines[i]);
                         out[i + half] = static_cast<T>(b * cosines[i + half] + a * sines[i + half]);
                       }
                     }
                   });
}

// PARITY: silu is rounded to the dtype before the product, as operators on that dtype do.
template <class T>
void gate(const Tensor& x, Tensor& y) {
  const int64_t width = y.size(-1);
  const T* from = x.const_data_ptr<T>();
  T* to = y.mutable_data_ptr<T>();
  at::parallel_for(0, y.numel() / width, std::max<int64_t>(1, kValuesPerTask / width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *up = from + row * 2 * width, *gates = up + width;
      for (int64_t i = 0; i < width; ++i) {
        const float g = static_cast<float>(gates[i]);
        const T silu = static_cast<T>(g / (1.0f + std::exp(-g)));
        to[row * width + i] = static_cast<T>(static_cast<float>(silu) * static_cast<float>(up[i]));
      }
    }
  });
}

}  // namespace

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  Tensor y = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat) {
    rotate<float>(x, sin, cos, y);
  } else {
    rotate<c10::BFloat16>(x, sin, cos, y);
  }
  return y;
}

Tensor swiglu(const Tensor& x) {  // [..., 2F] -> [..., F]
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() /= 2;
  Tensor y = at::empty(sizes, x.options());
  if (x.scalar_type() == at::kFloat) {
    gate<float>(x, y);
  } else {
    gate<c10::BFloat16>(x, y);
  }
  return y;
}

}  // namespace molmo::tensor::cpu
