// Packed rows attended to sequence by sequence against the masked square. Flash attention needs a GPU (gpu_test); here
// LibTorch's kernel of the CPU takes its place, one sequence at a time.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/sequence_attention.h"

#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <gtest/gtest.h>

#include "tensor/kernel_table.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

// Calls function(queries begin, end, keys begin, end) for each sequence.
template <class Function>
void for_sequences(const SequenceCall& call, const Function& function) {
  const int32_t *queries = call.query_ends.const_data_ptr<int32_t>(), *keys = call.key_ends.const_data_ptr<int32_t>();
  for (int64_t i = 0; i + 1 < call.query_ends.numel(); ++i) {
    EXPECT_LE(queries[i + 1] - queries[i], call.longest_queries);
    EXPECT_LE(keys[i + 1] - keys[i], call.longest_keys);
    function(queries[i], queries[i + 1], keys[i], keys[i + 1]);
  }
}

// [T, heads, Dh] -> [1, H, n, Dh] of one sequence, heads repeated for the queries that share them.
Tensor sequence(const Tensor& x, int64_t begin, int64_t end, int64_t num_heads) {
  return x.slice(0, begin, end).transpose(0, 1).unsqueeze(0).repeat_interleave(num_heads / x.size(1), 1);
}

std::tuple<Tensor, Tensor> forward(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceCall& call) {
  Tensor out = at::empty_like(q), log_sums = at::empty({q.size(1), q.size(0)}, q.options());
  for_sequences(call, [&](int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    const int64_t heads = q.size(1);
    const auto [part, logs] = at::_scaled_dot_product_flash_attention_for_cpu(
        sequence(q, q0, q1, heads), sequence(k, k0, k1, heads), sequence(v, k0, k1, heads), 0.0, call.is_causal);
    out.slice(0, q0, q1).copy_(part[0].transpose(0, 1));
    log_sums.slice(1, q0, q1).copy_(logs.view({heads, q1 - q0}));
  });
  return {out, log_sums};
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& q, const Tensor& k, const Tensor& v,
                                            const Tensor& out, const Tensor& log_sums, const SequenceCall& call) {
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

constexpr SequenceKernel kByCpu{.forward = forward, .backward = backward};

Tensor rows_of(const std::vector<std::vector<int64_t>>& rows) {
  std::vector<Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(row));
  return at::stack(tensors);
}

// A picture with three annotations; two packed examples, the second with two; plain rows; padding in and behind them;
// a segment that comes back; keys that a query sees in several stretches.
const std::vector<std::vector<std::vector<int64_t>>> kRows = {
    {{10000, 10000, 10000, 10000, 0, 0, 0, 1, 1, 2, 2, 2}},
    {{0, 0, 0, 30000, 30000, 30000, 20000, 20000, 20001, 20001, 20001, -1}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {{5, 5, 5, -1, -1, 5, 5, 2, 2, 7, 7, 1}, {9, 1, 8, 2, 7, 3, 6, 4, 5, 5, 4, 6}},
    {{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
};

TEST(SequenceAttention, IsThatOfTheMaskedSquare) {
  const at::Generator generator = make_generator(3);
  for (const auto& rows : kRows) {
    const Tensor segments = rows_of(rows);
    const int64_t num_rows = segments.size(0), length = segments.size(1);
    const auto plan = std::make_shared<SequencePlan>(plan_sequences(segments, at::kCPU));
    const auto make = [&](int64_t heads) {
      return at::randn({num_rows, heads, length, 8}, generator, at::TensorOptions(at::kDouble)).requires_grad_();
    };
    const Tensor q = make(4), k = make(2), v = make(2), grad = make(4).detach();
    const auto run = [&](const Tensor& out) {
      std::vector<Tensor> results{out.detach()};
      for (const Tensor& x : {q, k, v}) x.mutable_grad() = Tensor();
      out.backward(grad);
      for (const Tensor& x : {q, k, v}) results.push_back(x.grad());
      return results;
    };
    const std::vector<Tensor> got = run(attend_sequences(q, k, v, plan, kByCpu)),
                              expected = run(std::get<0>(operator_kernels().packed_attention(q, k, v, segments)));
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_LE((got[i] - expected[i]).abs().max().item<double>(), 1e-12) << "result " << i << " of " << segments;
    }
  }
}

TEST(SequenceAttention, AnnotationsOfAPictureReadItInOneSequence) {
  const SequencePlan plan = plan_sequences(rows_of(kRows[0]), at::kCPU);
  ASSERT_EQ(plan.calls.size(), 2u);
  EXPECT_TRUE(plan.calls[0].is_causal);
  EXPECT_FALSE(plan.calls[0].query_places.defined());
  EXPECT_TRUE(plan.calls[0].query_ends.equal(at::tensor({0, 4, 7, 9, 12}, at::kInt)));
  EXPECT_FALSE(plan.calls[1].is_causal);
  EXPECT_TRUE(plan.calls[1].query_ends.equal(at::tensor({0, 8}, at::kInt)));
  EXPECT_TRUE(plan.calls[1].key_ends.equal(at::tensor({0, 4}, at::kInt)));
  EXPECT_TRUE(plan.calls[1].key_places.equal(at::arange(4, at::kLong)));
  EXPECT_EQ(plan.calls[1].longest_queries, 8);
  EXPECT_FALSE(plan.is_padding.defined());
}

TEST(SequenceAttention, PlainRowsTakeOneCall) {
  EXPECT_EQ(plan_sequences(at::zeros({3, 5}, at::kLong), at::kCPU).calls.size(), 1u);
}

}  // namespace
}  // namespace molmo::tensor
