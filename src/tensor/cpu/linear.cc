// Linear maps of a few rows: bound by reading the weights once, which the matrix products of LibTorch do at half the
// speed.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>

#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/simd.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

constexpr int64_t kBytesPerTask = 64 << 10;  // of weights

template <class T>
void multiply(const Tensor& rows, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const int64_t num_rows = rows.size(0), in = weight.size(1), out = weight.size(0);
  const float* x = rows.const_data_ptr<float>();
  const T* w = weight.const_data_ptr<T>();
  const T* b = bias.defined() ? bias.const_data_ptr<T>() : nullptr;
  T* to = y.mutable_data_ptr<T>();
  const SimdLoops<T>& loops = simd_loops<T>();
  const int64_t grain = std::max<int64_t>(1, kBytesPerTask / (4 * in * static_cast<int64_t>(sizeof(T))));
  // Tasks are groups of four outputs: their weights stay in the cache while every row of x passes over them.
  at::parallel_for(0, (out + 3) / 4, grain, [=, &loops](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      const int64_t first = 4 * group, count = std::min<int64_t>(4, out - first);
      for (int64_t row = 0; row < num_rows; ++row) {
        for (int64_t i = first; i < first + count; ++i) {
          const float sum = loops.dot(x + row * in, w + i * in, in);
          to[row * out + i] = static_cast<T>(sum + (b != nullptr ? static_cast<float>(b[i]) : 0.0f));
        }
      }
    }
  });
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {  // [..., in], [out, in], [out] -> [..., out]
  const Tensor rows = x.to(weight.scalar_type()).to(at::kFloat).reshape({-1, weight.size(1)}).contiguous();
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  Tensor y = at::empty(sizes, weight.options());
  if (weight.scalar_type() == at::kFloat) {
    multiply<float>(rows, weight, bias, y);
  } else {
    multiply<c10::BFloat16>(rows, weight, bias, y);
  }
  return y;
}

}  // namespace molmo::tensor::cpu
