// Packed rows attended to sequence by sequence against the masked square. Flash attention needs a GPU (gpu_test); here
// LibTorch's kernel of the CPU takes its place, one sequence at a time.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/sequence_attention.h"

#include <gtest/gtest.h>

#include "support/cpu_sequence_kernel.h"
#include "tensor/kernel_table.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

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
    const std::vector<Tensor> got = run(attend_sequences(q, k, v, plan, testing::kCpuSequenceKernel)),
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
