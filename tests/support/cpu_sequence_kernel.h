// The attention of one call over sequences by LibTorch's kernel of the CPU, one sequence at a time: what takes the
// place of flash attention, which needs a GPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <gtest/gtest.h>

#include <limits>

#include "tensor/ops.h"
#include "tensor/sequence_attention.h"

namespace molmo::testing {

// Calls function(queries begin, end, keys begin, end) for each sequence.
template <class Function>
void for_sequences(const tensor::SequenceCall& call, const Function& function) {
  const int32_t *queries = call.query_ends.const_data_ptr<int32_t>(), *keys = call.key_ends.const_data_ptr<int32_t>();
  const Tensor& counts = call.key_counts;
  for (int64_t i = 0; i + 1 < call.query_ends.numel(); ++i) {
    EXPECT_LE(queries[i + 1] - queries[i], call.longest_queries);
    const int32_t seen = counts.defined() ? counts.const_data_ptr<int32_t>()[i] : keys[i + 1] - keys[i];
    EXPECT_LE(seen, call.longest_keys);
    function(queries[i], queries[i + 1], keys[i], keys[i] + seen);
  }
}

// [T, heads, Dh] -> [1, H, n, Dh] of one sequence, heads repeated for the queries that share them.
inline Tensor sequence(const Tensor& x, int64_t begin, int64_t end, int64_t num_heads) {
  return x.slice(0, begin, end).transpose(0, 1).unsqueeze(0).repeat_interleave(num_heads / x.size(1), 1);
}

inline std::tuple<Tensor, Tensor> attend_sequences_one_by_one(const Tensor& q, const Tensor& k, const Tensor& v,
                                                              const tensor::SequenceCall& call) {
  Tensor out = at::empty_like(q), log_sums = at::empty({q.size(1), q.size(0)}, q.options());
  for_sequences(call, [&](int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    const int64_t heads = q.size(1);
    if (call.is_causal && q1 - q0 != k1 - k0) {  // LibTorch's aligns the first query with the first key
      const Tensor mask = at::full({q1 - q0, k1 - k0}, -std::numeric_limits<double>::infinity(), q.options());
      const auto [part, logs] = at::_scaled_dot_product_flash_attention_for_cpu(
          sequence(q, q0, q1, heads), sequence(k, k0, k1, heads), sequence(v, k0, k1, heads), 0.0, false,
          mask.triu(k1 - k0 - (q1 - q0) + 1));
      out.slice(0, q0, q1).copy_(part[0].transpose(0, 1));
      return;
    }
    const auto [part, logs] = at::_scaled_dot_product_flash_attention_for_cpu(
        sequence(q, q0, q1, heads), sequence(k, k0, k1, heads), sequence(v, k0, k1, heads), 0.0, call.is_causal);
    out.slice(0, q0, q1).copy_(part[0].transpose(0, 1));
    log_sums.slice(1, q0, q1).copy_(logs.view({heads, q1 - q0}));
  });
  return {out, log_sums};
}

inline std::tuple<Tensor, Tensor, Tensor> backward_one_by_one(const Tensor& grad, const Tensor& q, const Tensor& k,
                                                              const Tensor& v, const Tensor& out,
                                                              const Tensor& log_sums,
                                                              const tensor::SequenceCall& call) {
  Tensor to_q = at::zeros_like(q), to_k = at::zeros_like(k), to_v = at::zeros_like(v);
  for_sequences(call, [&](int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    const int64_t heads = q.size(1), shared = heads / k.size(1);
    const auto [a, b, c] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        sequence(grad, q0, q1, heads), sequence(q, q0, q1, heads), sequence(k, k0, k1, heads),
        sequence(v, k0, k1, heads), sequence(out, q0, q1, heads), log_sums.slice(1, q0, q1).unsqueeze(0), 0.0,
        call.is_causal);
    const auto gather = [&](const Tensor& x) {  // [1, H, n, Dh] -> [n, K, Dh]
      return x[0].view({k.size(1), shared, k1 - k0, k.size(2)}).sum(1).transpose(0, 1);
    };
    to_q.slice(0, q0, q1).add_(a[0].transpose(0, 1));
    to_k.slice(0, k0, k1).add_(gather(b));
    to_v.slice(0, k0, k1).add_(gather(c));
  });
  return {to_q, to_k, to_v};
}

inline constexpr tensor::SequenceKernel kCpuSequenceKernel{.forward = attend_sequences_one_by_one,
                                                           .backward = backward_one_by_one};

}  // namespace molmo::testing
