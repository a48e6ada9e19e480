// Linear maps in sizes where a library of its own may take them, against float64.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/gemm.h"

#include <gtest/gtest.h>

#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

constexpr int64_t kIn = 160, kOut = 192;

// Values, and gradients of all that wants some, of sum(gemm_linear(x, weight, bias) * by) in the arguments' dtype.
std::vector<Tensor> value_and_gradients(const std::vector<Tensor>& arguments, const std::vector<bool>& wants,
                                        const Tensor& by, at::ScalarType type) {
  std::vector<Tensor> leaves;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Tensor& argument = arguments[i];
    leaves.push_back(argument.defined() ? argument.to(type).detach().clone().requires_grad_(wants[i]) : argument);
  }
  // A view with gaps between its rows, as slices of joined projections are.
  const Tensor y = gemm_linear(leaves[0].slice(-1, 8, 8 + kIn), leaves[1], leaves[2]);
  (y * by.to(type)).sum().backward();
  std::vector<Tensor> results{y.detach()};
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].defined() && wants[i]) results.push_back(leaves[i].grad());
  }
  return results;
}

TEST(Linear, GivesValuesAndGradientsOfFloat64) {
  const at::Generator generator = make_generator(3);
  for (const std::vector<int64_t>& rows : {std::vector<int64_t>{131}, {2, 65}, {3, 1, 50}}) {
    std::vector<int64_t> in = rows, out = rows;
    in.push_back(kIn + 40), out.push_back(kOut);
    const Tensor x = at::randn(in, generator), weight = at::randn({kOut, kIn}, generator),
                 bias = at::randn({kOut}, generator), by = at::randn(out, generator);
    for (const bool has_bias : {true, false}) {
      for (const std::vector<bool>& wants :
           {std::vector<bool>{true, true, true}, {true, false, false}, {false, true, true}}) {
        const std::vector<Tensor> arguments{x, weight, has_bias ? bias : Tensor()};
        const auto got = value_and_gradients(arguments, wants, by, at::kFloat),
                   expected = value_and_gradients(arguments, wants, by, at::kDouble);
        ASSERT_EQ(got.size(), expected.size());
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_EQ(got[i].sizes(), expected[i].sizes());
          EXPECT_LT((got[i] - expected[i]).abs().max().item<double>(), 1e-6 * kIn) << "result " << i;
        }
      }
    }
  }
}

TEST(Product, ReadsTransposedMatrices) {
  const at::Generator generator = make_generator(4);
  const Tensor a = at::randn({140, 150}, generator), b = at::randn({160, 150}, generator);
  const auto expect_product = [](const Tensor& left, const Tensor& right) {
    const Tensor expected = at::matmul(left.to(at::kDouble), right.to(at::kDouble));
    EXPECT_LT((gemm(left, right) - expected).abs().max().item<double>(), 1e-4);
  };
  expect_product(a, b.t());
  expect_product(a.t().contiguous().t(), b.t());
  expect_product(b.slice(1, 10, 140), a.slice(1, 10, 140).t());
  expect_product(a.t(), b.slice(0, 0, 140));
}

}  // namespace
}  // namespace molmo::tensor
