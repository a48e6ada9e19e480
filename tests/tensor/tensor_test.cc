// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/param_set.h"
#include "tensor/run_unit.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo {
namespace {

TEST(ParamSet, MetaParametersAllocateNothing) {
  ParamSet set;
  set.add("huge.weight", {1 << 20, 1 << 20}, Init::normal(0.02));  // 4 TiB if it were real
  EXPECT_EQ(set.num_values(), int64_t{1} << 40);
}

TEST(ParamSet, ValuesDependOnSeedAndNameOnly) {
  ParamSet first, second;
  first.add("a", {8}, Init::normal(1.0));
  first.add("b", {8}, Init::normal(1.0));
  second.add("b", {8}, Init::normal(1.0));  // other order, fewer entries
  first.materialize(at::kCPU, 7);
  second.materialize(at::kCPU, 7);
  EXPECT_TRUE(first.find("b")->value.equal(second.find("b")->value));
  EXPECT_FALSE(first.find("a")->value.equal(first.find("b")->value));
}

TEST(ParamSet, TruncatedNormalStaysInsideItsBound) {
  ParamSet set;
  set.add("w", {10000}, Init::truncated(1.0, 1.5));
  set.materialize(at::kCPU, 1);
  EXPECT_LE(set.find("w")->value.abs().max().item<float>(), 1.5f);
  EXPECT_GT(set.find("w")->value.std().item<float>(), 0.5f);
}

TEST(ParamSet, RefusesANameTwice) {
  ParamSet set;
  set.add("w", {1}, Init::ones());
  EXPECT_THROW(set.add("w", {1}, Init::ones()), InternalError);
}

TEST(Unit, HoldsTheParametersBelowItsScope) {
  ParamSet set;
  const ParamScope scope(set, "block.1");
  scope.add("w", {2}, Init::ones(), ParamKind::kNorm);
  ParamScope(set, "block.10").add("w", {2}, Init::ones(), ParamKind::kNorm);  // shares the text prefix, not the scope
  const Unit unit(scope);
  ASSERT_EQ(unit.params.size(), 1u);
  EXPECT_EQ(unit.params[0].name(), "block.1.w");
}

TEST(ParamScope, SaysWhatItsParametersAre) {
  ParamSet set;
  const ParamScope scope = ParamScope(set, "tower").of(Component::kVit) / "block";
  const auto role = [](const Param& param) { return param.entry()->role; };
  EXPECT_EQ(role(scope.add("w", {2, 2}, Init::ones(), ParamKind::kMatrix)),
            (ParamRole{.kind = ParamKind::kMatrix, .component = Component::kVit}));
  EXPECT_EQ(role(scope.add("norm", {2}, Init::ones(), ParamKind::kNorm)),
            (ParamRole{.kind = ParamKind::kNorm, .component = Component::kVit, .decays = false}));
  EXPECT_TRUE(role(scope.decaying().add("q_norm", {2}, Init::ones(), ParamKind::kNorm)).decays);
  EXPECT_FALSE(role(scope.add("table", {2, 2}, Init::ones(), ParamKind::kTable)).decays);
  EXPECT_EQ(role(scope.at(ParamPlace::kHead).add("head", {2, 2}, Init::ones(), ParamKind::kMatrix)).place,
            ParamPlace::kHead);
  const Unit unit(scope, 3);
  EXPECT_EQ(unit.component, Component::kVit);
  EXPECT_EQ(unit.block, 3);
}

class CountingRunner : public UnitRunner {
 public:
  TensorList run(const Unit&, const TensorList& inputs, const UnitFunction& function) override {
    ++num_units;
    return function(inputs);
  }
  int num_units = 0;
};

TEST(RunUnit, GoesThroughTheInstalledRunner) {
  const auto doubled = [](const Tensor& x) { return x * 2; };
  CountingRunner runner;
  {
    const ScopedUnitRunner scope(runner);
    EXPECT_EQ(run_unit(Unit(), at::ones({1}), doubled).item<float>(), 2.0f);
  }
  EXPECT_EQ(run_unit(Unit(), at::ones({1}), doubled).item<float>(), 2.0f);
  EXPECT_EQ(runner.num_units, 1);
}

TEST(RunUnit, AnInnerScopeEndsBeforeTheOuterOne) {
  const auto same = [](const Tensor& x) { return x; };
  CountingRunner outer, inner;
  const ScopedUnitRunner scope(outer);
  {
    const ScopedUnitRunner within(inner);
    run_unit(Unit(), at::ones({1}), same);
  }
  run_unit(Unit(), at::ones({1}), same);
  EXPECT_EQ(inner.num_units, 1);
  EXPECT_EQ(outer.num_units, 1);
}

TEST(Taps, AreHeardInsideTheirScopeOnly) {
  std::vector<std::string> heard;
  {
    const TapScope scope([&](const std::string& name, const Tensor&) { heard.push_back(name); });
    tap("block.", 3, ".out", at::ones({1}));
  }
  tap("later", at::ones({1}));
  EXPECT_EQ(heard, std::vector<std::string>{"block.3.out"});
}

TEST(ExpectShape, NamesPlaceGotAndExpected) {
  try {
    expect_shape("connector", at::zeros({2, 3}), {kAnySize, 4});
    FAIL() << "no exception";
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("connector: got shape [2, 3], expected [-1, 4]"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace molmo
