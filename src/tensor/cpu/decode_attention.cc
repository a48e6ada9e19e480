// Attention of one new token over a cache: reads keys and values once, for all query heads that share them.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/simd.h"
#include "tensor/cpu/softmax.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

template <class T>
void attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths, Tensor& out) {
  const int64_t num_heads = q.size(1), num_kv_heads = k.size(1), most = k.size(2), width = q.size(3);
  const int64_t group = num_heads / num_kv_heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  const SimdLoops<T>& loops = simd_loops<T>();
  const SoftmaxLoops& softmax = softmax_loops();
  const T *queries = q.const_data_ptr<T>(), *keys = k.const_data_ptr<T>(), *values = v.const_data_ptr<T>();
  const int64_t* in_use = lengths.defined() ? lengths.const_data_ptr<int64_t>() : nullptr;  // [B]
  T* to = out.mutable_data_ptr<T>();
  at::parallel_for(0, q.size(0) * num_kv_heads, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> query(static_cast<size_t>(width)), sum(query), scores(static_cast<size_t>(most));
    for (int64_t pair = begin; pair < end; ++pair) {
      const int64_t batch = pair / num_kv_heads, kv_head = pair % num_kv_heads;
      const int64_t length = in_use != nullptr ? in_use[batch] : most;
      const T* key = keys + batch * k.stride(0) + kv_head * k.stride(1);
      const T* value = values + batch * v.stride(0) + kv_head * v.stride(1);
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        const int64_t at = (batch * num_heads + head) * width;
        for (int64_t i = 0; i < width; ++i) query[static_cast<size_t>(i)] = static_cast<float>(queries[at + i]) * scale;
        for (int64_t s = 0; s < length; ++s)
          scores[static_cast<size_t>(s)] = loops.dot(query.data(), key + s * k.stride(2), width);
        softmax.forward(scores.data(), length, /*scale=*/1.0f);
        std::fill(sum.begin(), sum.end(), 0.0f);
        for (int64_t s = 0; s < length; ++s)
          loops.axpy(scores[static_cast<size_t>(s)], value + s * v.stride(2), sum.data(), width);
        for (int64_t i = 0; i < width; ++i) to[at + i] = static_cast<T>(sum[static_cast<size_t>(i)]);
      }
    }
  });
}

}  // namespace

Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths) {
  Tensor out = at::empty(q.sizes(), q.options());  // [B, H, 1, Dh]
  const Tensor dense = lengths.defined() ? lengths.contiguous() : Tensor();
  if (q.scalar_type() == at::kFloat) {
    attend<float>(q, k, v, dense, out);
  } else {
    attend<c10::BFloat16>(q, k, v, dense, out);
  }
  return out;
}

}  // namespace molmo::tensor::cpu
