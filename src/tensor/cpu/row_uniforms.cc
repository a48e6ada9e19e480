// Random numbers that are functions of a key: a mixer of 64 bits (splitmix64) over the key, the place and the index.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/rows.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

constexpr uint64_t kStride = 0x9E3779B97F4A7C15u;

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count) {
  std::vector<int64_t> shape = keys.sizes().vec();
  shape.push_back(count);
  Tensor values = at::empty(shape, keys.options().dtype(at::kFloat));
  const int64_t* key = keys.const_data_ptr<int64_t>();
  float* to = values.mutable_data_ptr<float>();
  for_rows(keys.numel(), std::max<int64_t>(count, 1), [&](int64_t row) {
    const uint64_t start = mix(static_cast<uint64_t>(key[row]) + static_cast<uint64_t>(site) * kStride);
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t bits = mix(start + static_cast<uint64_t>(i) * kStride);
      to[row * count + i] = static_cast<float>(bits >> 40) * 0x1p-24f;
    }
  });
  return values;
}

}  // namespace molmo::tensor::cpu
