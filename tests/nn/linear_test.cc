// Several maps of one input as one product.
// SPDX-License-Identifier: Apache-2.0
#include "nn/linear.h"

#include <gtest/gtest.h>

#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::nn {
namespace {

// Maps of 48 values to 32, 16 and 8.
struct Maps {
  ParamSet params;
  std::vector<Linear> maps;

  explicit Maps(bool has_bias) {
    for (const int64_t out : {32, 16, 8})
      maps.emplace_back(48, out, has_bias, Init::normal(0.2),
                        ParamScope(params, "w" + std::to_string(out)).of(Component::kVit));
    params.materialize(at::kCPU, 7);
    for (Parameter& param : params.all()) {
      const at::NoGradGuard no_grad;
      if (param.role.kind == ParamKind::kBias) param.value.copy_(at::arange(param.value.numel()).sin());
      param.value.set_requires_grad(true);
    }
  }

  // Results, and the gradients of the input and of all parameters.
  std::vector<Tensor> run(at::ScalarType compute, bool is_joint) {
    const Tensor x =
        at::randn({2, 5, 48}, make_generator(3), at::TensorOptions().dtype(at::kFloat)).set_requires_grad(true);
    std::vector<Tensor> all;
    if (is_joint) {
      all = joint_linear(x, {&maps[0], &maps[1], &maps[2]}, compute);
    } else {
      for (const Linear& map : maps) all.push_back(map(x, compute));
    }
    Tensor loss = at::zeros({});
    for (const Tensor& y : all) loss = loss + (y.to(at::kFloat) * at::arange(y.numel()).cos().view(y.sizes())).sum();
    loss.backward();
    all.push_back(x.grad());
    for (Parameter& param : params.all()) {
      all.push_back(param.value.grad());
      param.value.mutable_grad() = Tensor();
    }
    return all;
  }
};

TEST(JointLinear, IsTheSeparateMaps) {
  for (const bool has_bias : {true, false}) {
    for (const auto& [compute, tolerance] : {std::pair{at::kFloat, 1e-5}, {at::kBFloat16, 2e-2}}) {
      Maps maps(has_bias);
      const std::vector<Tensor> joint = maps.run(compute, true), separate = maps.run(compute, false);
      ASSERT_EQ(joint.size(), separate.size());
      for (size_t i = 0; i < joint.size(); ++i) {
        ASSERT_EQ(joint[i].sizes(), separate[i].sizes()) << i;
        const double scale = separate[i].abs().max().item<double>();
        EXPECT_LE((joint[i] - separate[i]).abs().max().item<double>(), tolerance * scale) << i << " " << compute;
      }
    }
  }
}

}  // namespace
}  // namespace molmo::nn
