// Units that run again in backward give what they give without, and keep less.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/recompute.h"

#include <gtest/gtest.h>

#include "tensor/memory_meter.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo {
namespace {

constexpr int64_t kWidth = 64, kRows = 256;
constexpr int kBlocks = 6;

struct Chain {
  ParamSet params;
  std::vector<Unit> units;
  std::vector<Param> weights, biases;
  std::vector<int> num_runs = std::vector<int>(kBlocks);

  Chain() {
    for (int i = 0; i < kBlocks; ++i) {
      const ParamScope scope = ParamScope(params, "block" + std::to_string(i)).of(Component::kLlm);
      weights.push_back(scope.add("weight", {kWidth, kWidth}, Init::normal(0.3), ParamKind::kMatrix));
      biases.push_back(scope.add("bias", {kWidth}, Init::normal(0.3), ParamKind::kBias));
      units.emplace_back(scope, i);
    }
    params.materialize(at::kCPU, 3);
    for (Parameter& param : params.all()) param.value.set_requires_grad(param.name != "block2.bias");
  }

  Tensor run(Tensor x) {
    for (int i = 0; i < kBlocks; ++i) {
      x = run_unit(units[static_cast<size_t>(i)], x, [this, i](const Tensor& h) {
        ++num_runs[static_cast<size_t>(i)];
        const size_t own = static_cast<size_t>(i);
        return h + at::tanh(at::gelu(at::linear(h, weights[own].value(), biases[own].value())));
      });
    }
    return x;
  }

  std::vector<Tensor> gradients() {
    std::vector<Tensor> all;
    for (Parameter& param : params.all()) {
      all.push_back(param.value.grad());
      param.value.mutable_grad() = Tensor();
    }
    return all;
  }
};

Tensor input() {
  return at::randn({kRows, kWidth}, make_generator(1), at::TensorOptions().dtype(at::kFloat)).set_requires_grad(true);
}

TEST(Recompute, GivesTheSameBitsOverSeveralPasses) {
  Chain chain;
  const Tensor plain_x = input(), x = input();
  for (int pass = 0; pass < 2; ++pass) chain.run(plain_x).square().sum().backward();
  const std::vector<Tensor> expected = chain.gradients();
  chain.num_runs.assign(kBlocks, 0);
  RecomputingRunner runner([](const Unit& unit) { return *unit.block % 2 == 0; });
  const ScopedUnitRunner scope(runner);
  for (int pass = 0; pass < 2; ++pass) chain.run(x).square().sum().backward();
  EXPECT_EQ(chain.num_runs, (std::vector<int>{4, 2, 4, 2, 4, 2}));
  EXPECT_TRUE(x.grad().equal(plain_x.grad()));
  const std::vector<Tensor> got = chain.gradients();
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(got[i].defined(), expected[i].defined()) << i;
    if (got[i].defined()) EXPECT_TRUE(got[i].equal(expected[i])) << chain.params.all()[i].name;
  }
}

TEST(Recompute, KeepsInputsAlone) {
  Chain chain;
  const auto kept_bytes = [&](bool recomputes) {
    RecomputingRunner runner([recomputes](const Unit&) { return recomputes; });
    const ScopedUnitRunner scope(runner);
    const Tensor x = input();
    const tensor::MemoryMeter meter;
    const Tensor y = chain.run(x);
    return meter.live_bytes();
  };
  constexpr int64_t kActivation = kRows * kWidth * 4;
  EXPECT_LE(kept_bytes(true), (kBlocks + 1) * kActivation);
  EXPECT_GE(kept_bytes(false), 3 * kBlocks * kActivation);
}

// A gradient that is another's, too, must not be added to in place.
TEST(Recompute, CopiesGradientsThatAreShared) {
  ParamSet params;
  const ParamScope scope = ParamScope(params, "unit").of(Component::kLlm);
  const Param a = scope.add("a", {4}, Init::ones(), ParamKind::kBias),
              b = scope.add("b", {4}, Init::ones(), ParamKind::kBias);
  const Unit unit(scope);
  params.materialize(at::kCPU, 1);
  for (Parameter& param : params.all()) param.value.set_requires_grad(true);
  RecomputingRunner runner([](const Unit&) { return true; });
  const ScopedUnitRunner installed(runner);
  for (int pass = 0; pass < 2; ++pass)
    run_unit(unit, at::ones({4}), [&](const Tensor& x) { return x * 0 + a.value() + b.value(); }).sum().backward();
  EXPECT_TRUE(a.value().grad().equal(at::full({4}, 2.0f)));
  EXPECT_TRUE(b.value().grad().equal(at::full({4}, 2.0f)));
}

}  // namespace
}  // namespace molmo
