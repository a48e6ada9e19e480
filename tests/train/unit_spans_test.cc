// SPDX-License-Identifier: Apache-2.0
#include "train/unit_spans.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/custom_function.h>

#include <chrono>
#include <thread>

#include "tensor/ops.h"
#include "tensor/stopwatch.h"

namespace molmo::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::chrono::milliseconds kForward{20}, kBackward{40};

// Adds one, and takes its time for it in both directions.
struct SlowStep : torch::autograd::Function<SlowStep> {
  static Tensor forward(AutogradContext*, const Tensor& x) {
    std::this_thread::sleep_for(kForward);
    return x + 1;
  }
  static variable_list backward(AutogradContext*, const variable_list& gradients) {
    std::this_thread::sleep_for(kBackward);
    return gradients;
  }
};

Unit unit_of(const std::string& name, std::optional<int> block = {}) {
  Unit unit;
  unit.name = name;
  unit.block = block;
  return unit;
}

TEST(UnitSpans, EachUnitsTimeIsItsOwnAndBlocksCountTogether) {
  tensor::Stopwatch watch(at::kCPU);
  UnitSpans spans([&] { return watch.mark(); });
  Tensor x = at::ones({2}).set_requires_grad(true);
  {
    const ScopedUnitRunner scope(spans);
    const auto slow = [](const Tensor& input) { return SlowStep::apply(input); };
    const auto quick = [](const Tensor& input) { return input * 2; };
    x = run_unit(unit_of("embedding"), x, quick);
    for (int block = 0; block < 3; ++block) x = run_unit(unit_of("blocks." + std::to_string(block), block), x, slow);
    x = run_unit(unit_of("head"), x, quick);
    x.sum().backward();
  }
  const std::vector<UnitSpan> units = spans.finish();
  ASSERT_EQ(units.size(), 3U);
  EXPECT_EQ(units[0].name, "embedding");
  EXPECT_EQ(units[1].name, "blocks.*");
  EXPECT_EQ(units[2].name, "head");
  EXPECT_EQ(units[1].count, 3);
  const auto seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
  const auto sum = [&](const std::vector<std::pair<size_t, size_t>>& marks) {
    double total = 0;
    for (const auto& [from, to] : marks) total += watch.seconds(from, to);
    return total;
  };
  EXPECT_GE(sum(units[1].forward), seconds(3 * kForward));
  EXPECT_GE(sum(units[1].backward), seconds(3 * kBackward));
  for (const size_t quick : {0, 2}) {
    EXPECT_LT(sum(units[quick].forward), seconds(kForward)) << units[quick].name;
    EXPECT_LT(sum(units[quick].backward), seconds(kBackward)) << units[quick].name;
  }
}

TEST(UnitSpans, APassWithoutGradientsHasNoBackward) {
  tensor::Stopwatch watch(at::kCPU);
  UnitSpans spans([&] { return watch.mark(); });
  {
    const ScopedUnitRunner scope(spans);
    run_unit(unit_of("head"), at::ones({2}), [](const Tensor& input) { return input * 2; });
  }
  const std::vector<UnitSpan> units = spans.finish();
  ASSERT_EQ(units.size(), 1U);
  EXPECT_TRUE(units[0].backward.empty());
}

}  // namespace
}  // namespace molmo::train
