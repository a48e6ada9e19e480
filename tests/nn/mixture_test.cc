// A mixture's experts one by one, and in grouped products as a GPU has them.
// SPDX-License-Identifier: Apache-2.0
#include "nn/mixture.h"

#include <gtest/gtest.h>

#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::nn {
namespace {

constexpr int64_t kTokens = 40;

struct Layer {
  ParamSet params;
  Mixture mixture;

  explicit Layer(int64_t num_experts)
      : mixture({.width = 32, .hidden = 16, .num_experts = num_experts, .experts_per_token = 2}, Init::normal(0.2),
                ParamScope(params, "ffn").of(Component::kLlm)) {
    params.materialize(at::kCPU, 4);
    for (Parameter& param : params.all()) param.value.set_requires_grad(true);
  }

  struct Result {
    Tensor y, to_x;
    std::map<std::string, Tensor> to_params;
  };
  Result run(ExpertProducts products) {
    const Tensor x =
        at::randn({kTokens, 32}, make_generator(2), at::TensorOptions().dtype(at::kFloat)).set_requires_grad(true);
    const Tensor y = mixture.run(x, mixture.route(x, at::kBFloat16), at::kBFloat16, products);
    (y.to(at::kFloat) * at::arange(y.numel()).view(y.sizes()).sin()).sum().backward();
    Result result{.y = y.detach(), .to_x = x.grad(), .to_params = {}};
    for (Parameter& param : params.all()) {
      result.to_params[param.name] = param.value.grad();
      param.value.mutable_grad() = Tensor();
    }
    return result;
  }
};

void expect_near(const std::string& name, const Tensor& got, const Tensor& expected) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << name;
  const double scale = expected.abs().max().item<double>();
  ASSERT_GT(scale, 0.0) << name;
  EXPECT_LE((got.to(at::kFloat) - expected.to(at::kFloat)).abs().max().item<double>(), 0.02 * scale) << name;
}

// With forty experts some get no token: their gradients are zeros.
TEST(Mixture, GroupedProductsAreThoseOfTheExperts) {
  for (const int64_t num_experts : {4, 40}) {
    Layer layer(num_experts);
    const Layer::Result expected = layer.run(ExpertProducts::kOneByOne), got = layer.run(ExpertProducts::kGrouped);
    expect_near("y", got.y, expected.y);
    expect_near("x", got.to_x, expected.to_x);
    for (const auto& [name, gradient] : expected.to_params) expect_near(name, got.to_params.at(name), gradient);
  }
}

}  // namespace
}  // namespace molmo::nn
