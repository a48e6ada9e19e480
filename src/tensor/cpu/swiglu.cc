// silu(gate) * up and its gradient, in one pass over their inputs each.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "tensor/cpu/avx2.h"
#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/rows.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

// PARITY: silu and its gradient are rounded to the dtype before a product, as operators on that dtype do.
template <class T>
void plain_forward(const T* up, const T* gate, T* y, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const float g = static_cast<float>(gate[i]);
    const T silu = static_cast<T>(g / (1.0f + std::exp(-g)));
    y[i] = static_cast<T>(static_cast<float>(silu) * static_cast<float>(up[i]));
  }
}

template <class T>
void plain_backward(const T* grad, const T* up, const T* gate, T* to_up, T* to_gate, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const float g = static_cast<float>(gate[i]), dy = static_cast<float>(grad[i]),
                sigmoid = 1.0f / (1.0f + std::exp(-g));
    to_up[i] = static_cast<T>(dy * static_cast<float>(static_cast<T>(g * sigmoid)));
    const float to_silu = static_cast<float>(static_cast<T>(dy * static_cast<float>(up[i])));
    to_gate[i] = static_cast<T>(to_silu * sigmoid * (1.0f + g * (1.0f - sigmoid)));
  }
}

template <class T>
MOLMO_AVX2 void avx2_forward(const T* up, const T* gate, T* y, int64_t width) {
  for (int64_t i = 0; i < width; i += 8) {
    const int64_t count = width - i;
    const __m256 g = load_first(gate + i, count), silu = rounded8<T>(_mm256_mul_ps(g, sigmoid8(g)));
    store_first(y + i, count, _mm256_mul_ps(silu, load_first(up + i, count)));
  }
}

template <class T>
MOLMO_AVX2 void avx2_backward(const T* grad, const T* up, const T* gate, T* to_up, T* to_gate, int64_t width) {
  const __m256 one = _mm256_set1_ps(1.0f);
  for (int64_t i = 0; i < width; i += 8) {
    const int64_t count = width - i;
    const __m256 g = load_first(gate + i, count), dy = load_first(grad + i, count);
    const __m256 sigmoid = sigmoid8(g), slope = _mm256_fmadd_ps(g, _mm256_sub_ps(one, sigmoid), one);
    store_first(to_up + i, count, _mm256_mul_ps(dy, rounded8<T>(_mm256_mul_ps(g, sigmoid))));
    const __m256 to_silu = rounded8<T>(_mm256_mul_ps(dy, load_first(up + i, count)));
    store_first(to_gate + i, count, _mm256_mul_ps(to_silu, _mm256_mul_ps(sigmoid, slope)));
  }
}

template <class T>
struct Loops {
  void (*forward)(const T* up, const T* gate, T* y, int64_t width) = plain_forward<T>;
  void (*backward)(const T* grad, const T* up, const T* gate, T* to_up, T* to_gate, int64_t width) = plain_backward<T>;
};

template <class T>
Loops<T> choose() {
  if (has_avx2()) return {avx2_forward<T>, avx2_backward<T>};
  return {};
}

template <class T>
void forward(const Tensor& up, const Tensor& gate, Tensor& y) {
  static const Loops<T> loops = choose<T>();
  const int64_t width = y.size(-1);
  const T *ups = up.const_data_ptr<T>(), *gates = gate.const_data_ptr<T>();
  T* to = y.mutable_data_ptr<T>();
  for_rows(y.numel() / width, width, [&](int64_t row) {
    loops.forward(ups + row * up.stride(-2), gates + row * gate.stride(-2), to + row * width, width);
  });
}

template <class T>
void backward(const Tensor& grad, const Tensor& up, const Tensor& gate, Tensor& both) {
  static const Loops<T> loops = choose<T>();
  const int64_t width = grad.size(-1);
  const T *grads = grad.const_data_ptr<T>(), *ups = up.const_data_ptr<T>(), *gates = gate.const_data_ptr<T>();
  T* to = both.mutable_data_ptr<T>();
  for_rows(grad.numel() / width, width, [&](int64_t row) {
    loops.backward(grads + row * grad.stride(-2), ups + row * up.stride(-2), gates + row * gate.stride(-2),
                   to + 2 * row * width, to + (2 * row + 1) * width, width);
  });
}

}  // namespace

Tensor swiglu(const Tensor& up, const Tensor& gate) {
  Tensor y = at::empty(up.sizes(), up.options());
  if (up.scalar_type() == at::kFloat) {
    forward<float>(up, gate, y);
  } else {
    forward<c10::BFloat16>(up, gate, y);
  }
  return y;
}

Tensor swiglu_backward(const Tensor& grad, const Tensor& up, const Tensor& gate) {
  std::vector<int64_t> sizes = up.sizes().vec();
  sizes.back() *= 2;
  Tensor both = at::empty(sizes, up.options());
  if (up.scalar_type() == at::kFloat) {
    backward<float>(grad, up, gate, both);
  } else {
    backward<c10::BFloat16>(grad, up, gate, both);
  }
  return both;
}

}  // namespace molmo::tensor::cpu
