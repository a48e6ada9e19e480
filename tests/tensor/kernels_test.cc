// SPDX-License-Identifier: Apache-2.0
#include "tensor/kernels.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "tensor/kernel_table.h"
#include "tensor/ops.h"

namespace molmo::tensor {
namespace {

double relative_difference(const Tensor& got, const Tensor& expected) {
  return ((got - expected).abs().max() / expected.abs().max()).item<double>();
}

TEST(RmsNormKernel, AgreesWithTheOperators) {
  const at::NoGradGuard no_grad;
  for (const int64_t width : {1, 31, 64, 100, 3584}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Tensor x = at::randn({3, 5, width}).mul_(3.0).to(type), weight = at::rand({width}) + 0.5;
      const Tensor got = rms_norm(x, weight, 1e-6);
      EXPECT_EQ(got.scalar_type(), at::kFloat);
      // A last bit of the sum may turn a bf16 rounding over.
      EXPECT_LE(relative_difference(got, operator_kernels().rms_norm(x, weight, 1e-6)),
                type == at::kFloat ? 1e-6 : 1.0 / 128)
          << type << " " << width;
    }
  }
}

TEST(RmsNormKernel, RoundsToTheInputsDtypeBeforeTheWeight) {
  const at::NoGradGuard no_grad;
  const Tensor x = at::randn({4, 64}).to(at::kBFloat16), weight = at::full({64}, 1.001);
  const Tensor unweighted = rms_norm(x, weight, 1e-6) / weight;
  EXPECT_TRUE(at::allclose(unweighted, unweighted.to(at::kBFloat16).to(at::kFloat), 1e-6, 1e-7));
}

TEST(RmsNormKernel, GivesARowTheSameBitsInAnyBatch) {
  const at::NoGradGuard no_grad;
  const Tensor x = at::randn({64, 1000}), weight = at::rand({1000});
  const Tensor all = rms_norm(x, weight, 1e-6);
  for (const int64_t row : {0, 1, 63}) EXPECT_TRUE(all[row].equal(rms_norm(x[row], weight, 1e-6)));
}

TEST(RmsNormKernel, TakesNoRowsAndTransposedRows) {
  const at::NoGradGuard no_grad;
  EXPECT_EQ(rms_norm(at::empty({0, 8}), at::ones({8}), 1e-6).sizes(), (at::IntArrayRef{0, 8}));
  const Tensor x = at::randn({6, 8}).t();
  EXPECT_TRUE(rms_norm(x, at::ones({6}), 1e-6).equal(rms_norm(x.contiguous(), at::ones({6}), 1e-6)));
}

TEST(RmsNormKernel, RefusesAWeightOfAnotherWidth) {
  EXPECT_THROW(rms_norm(at::ones({2, 8}), at::ones({7}), 1e-6), InternalError);
}

}  // namespace
}  // namespace molmo::tensor
