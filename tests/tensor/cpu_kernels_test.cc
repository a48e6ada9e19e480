// The CPU's kernels against LibTorch's operators, and rows against the same rows alone.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

const at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16};

double tolerance(at::ScalarType type) { return type == at::kFloat ? 2e-6 : 1.0 / 128; }

void expect_near(const Tensor& got, const Tensor& expected, double relative) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  ASSERT_EQ(got.scalar_type(), expected.scalar_type());
  const Tensor a = got.to(at::kDouble), b = expected.to(at::kDouble);
  EXPECT_LE((a - b).abs().max().item<double>(), relative * std::max(1e-3, b.abs().max().item<double>()));
}

TEST(Matvec, EqualsTheOperator) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : kTypes) {
    for (const auto& [rows, in, out] :
         {std::array<int64_t, 3>{1, 1, 1}, {1, 15, 3}, {2, 64, 7}, {4, 33, 130}, {3, 768, 513}}) {
      const Tensor x = at::randn({rows, in}), weight = at::randn({out, in}).to(type), bias = at::randn({out}).to(type);
      for (const Tensor& b : {Tensor(), bias}) {
        expect_near(cpu_kernels().matvec(x, weight, b), operator_kernels().matvec(x, weight, b), 4 * tolerance(type));
      }
    }
  }
}

TEST(Matvec, RowsAreTheSameBitsInAnyCompanyAndWithAnyThreads) {
  const at::NoGradGuard no_grad;
  const Tensor x = at::randn({4, 300}), weight = at::randn({301, 300});
  const Tensor together = kernels().matvec(x, weight, {});
  for (int64_t row = 0; row < 4; ++row)
    EXPECT_TRUE(at::equal(kernels().matvec(x[row].unsqueeze(0), weight, {})[0], together[row]));
  set_num_threads(1);
  EXPECT_TRUE(at::equal(kernels().matvec(x, weight, {}), together));
  set_num_threads(0);
}

TEST(DecodeAttention, EqualsTheOperator) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : kTypes) {
    const Tensor cache_k = at::randn({3, 2, 40, 24}).to(type), cache_v = at::randn({3, 2, 40, 24}).to(type);
    const Tensor q = at::randn({3, 6, 1, 24}).to(type), k = cache_k.slice(2, 0, 29),
                 v = cache_v.slice(2, 0, 29);  // strides of a cache
    const Tensor bias =
        at::zeros({3, 1, 1, 29}).masked_fill_(at::rand({3, 1, 1, 29}) < 0.3, std::numeric_limits<float>::lowest());
    for (const Tensor& b : {Tensor(), bias}) {
      expect_near(cpu_kernels().decode_attention(q, k, v, b), operator_kernels().decode_attention(q, k, v, b),
                  2 * tolerance(type));
    }
  }
}

TEST(Rope, EqualsTheOperator) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : kTypes) {
    const Tensor x =
        at::randn({2, 5, 3 * 16}).to(type).view({2, 5, 3, 16}).transpose(1, 2);  // [B, heads, S, Dh] as heads are split
    for (const int64_t batch : {1, 2}) {
      const Tensor angles = at::randn({batch, 1, 5, 16});
      expect_near(cpu_kernels().rope(x, angles.sin(), angles.cos()),
                  operator_kernels().rope(x, angles.sin(), angles.cos()), tolerance(type));
    }
  }
}

TEST(Swiglu, EqualsTheOperator) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : kTypes) {
    const Tensor x = (8 * at::randn({2, 7, 90})).to(type);
    expect_near(cpu_kernels().swiglu(x), operator_kernels().swiglu(x), 2 * tolerance(type));
  }
}

TEST(Kernels, StepAsideWhereAGradientIsWanted) {
  const Tensor x = at::randn({2, 8}).requires_grad_(), weight = at::randn({4, 8}).requires_grad_();
  kernels().matvec(x, weight, {}).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
  const Tensor y = at::randn({2, 8}).requires_grad_();
  kernels().swiglu(y).sum().backward();
  EXPECT_TRUE(y.grad().defined());
}

}  // namespace
}  // namespace molmo::tensor
