// Budgets of steps on the simulated GPU, beside what formulas say.
// SPDX-License-Identifier: Apache-2.0
#include "train/budget.h"

#include <gtest/gtest.h>

#include "config/presets.h"
#include "model/bench_shape.h"
#include "model/flops.h"
#include "molmo/error.h"
#include "simulate/gpu.h"
#include "support/error_of.h"
#include "tensor/ops.h"
#include "train/choose_recompute.h"
#include "train/groups.h"
#include "train/step_memory.h"

namespace molmo::train {
namespace {

BudgetOptions options_of(const std::string& shape, int layers, int ranks = 1) {
  BudgetOptions options{.step = {.model = model::bench_shape(shape, layers),
                                 .compute = at::kBFloat16,
                                 .num_rows = 2,
                                 .num_tokens = 512,
                                 .num_crops = 2},
                        .num_ranks = ranks,
                        .machine = simulate::machine("H100-SXM")};
  return options;
}

const PartBudget& part(const Budget& budget, const std::string& name) {
  for (const PartBudget& own : budget.parts)
    if (own.name == name) return own;
  throw Error("no part " + name);
}

// Of text alone, since the last block leaves out tokens whose states nobody reads. The formula knows nothing of the
// scores that attention's backward computes again.
TEST(Budget, FlopsAreThoseOfTheFormula) {
  for (const char* shape : {"molmo-7b-d", "molmo-7b-o", "molmo-72b"}) {
    BudgetOptions options = options_of(shape, 3);
    options.step.num_crops = 0;
    const Budget budget = make_budget(options);
    EXPECT_NEAR(budget.total.flops / budget.model_flops, 1.0, 0.02) << shape;
  }
}

// The last block runs for the tokens alone whose states are read, so a block more is one of the others.
TEST(Budget, ABlockMoreCostsABlockMore) {
  std::vector<PartBudget> blocks;
  std::vector<double> seconds;
  for (const int layers : {2, 3, 4}) {
    const Budget budget = make_budget(options_of("molmo-7b-d", layers));
    blocks.push_back(part(budget, "model.transformer.blocks.*"));
    seconds.push_back(budget.times.seconds);
    EXPECT_EQ(blocks.back().count, layers);
  }
  for (const auto side : {&PartBudget::forward, &PartBudget::backward}) {
    const Effort &two = blocks[0].*side, &three = blocks[1].*side, &four = blocks[2].*side;
    EXPECT_EQ(four.num_launches - three.num_launches, three.num_launches - two.num_launches);
    EXPECT_DOUBLE_EQ(four.flops - three.flops, three.flops - two.flops);
    EXPECT_DOUBLE_EQ(four.bytes - three.bytes, three.bytes - two.bytes);
    EXPECT_GT(three.flops, two.flops);
  }
  EXPECT_NEAR(seconds[2] - seconds[1], seconds[1] - seconds[0], 0.02 * (seconds[1] - seconds[0]));
}

TEST(Budget, RecomputationCostsAForwardAndSavesMemory) {
  BudgetOptions options = options_of("molmo-7b-d", 8, 8);
  options.step.num_rows = 4;
  const Budget kept = make_budget(options);
  options.step.recompute = {.decoder = 1, .vit = 1, .connector = true};
  const Budget recomputed = make_budget(options);
  EXPECT_NEAR(recomputed.total.flops / kept.total.flops, 4.0 / 3, 0.04);
  EXPECT_LT(recomputed.peak_bytes, kept.peak_bytes);
  EXPECT_EQ(recomputed.model_flops, kept.model_flops);
}

TEST(Budget, RanksShareTheModelAndSendWhatTheyShould) {
  const Budget one = make_budget(options_of("molmo-7b-d", 4)), eight = make_budget(options_of("molmo-7b-d", 4, 8));
  EXPECT_TRUE(one.collectives.empty());
  EXPECT_LT(static_cast<double>(eight.peak_bytes), 0.5 * static_cast<double>(one.peak_bytes));
  model::Molmo molmo(model::bench_shape("molmo-7b-d", 4));
  mark_trained(molmo.params(), {});
  double num_values = 0;
  for (const Parameter& param : molmo.params().all())
    num_values += param.value.requires_grad() ? static_cast<double>(param.value.numel()) : 0.0;
  // Gradients are float32, seven eighths of them are other ranks'.
  EXPECT_NEAR(eight.collectives.at("reduce-scatter over 8 ranks").bytes, 4 * num_values * 7 / 8, 0.01 * 4 * num_values);
  EXPECT_GT(eight.times.collective_seconds, 0);
  EXPECT_LE(eight.times.exposed_seconds, eight.times.collective_seconds);
}

TEST(Budget, HybridShardingStaysInsideNodes) {
  BudgetOptions options = options_of("molmo-7b-d", 4, 16);
  options.step.sharding.replicas = 2;
  const Budget budget = make_budget(options);
  EXPECT_TRUE(budget.collectives.contains("all-gather over 8 ranks"));
  EXPECT_TRUE(budget.collectives.contains("all-reduce over 2 ranks"));
  options.step.sharding.replicas = 3;
  EXPECT_EQ(testing::error_of([&] { make_budget(options); }),
            "[train] sharding.replicas, got 3, expected a divisor of the 16 ranks");
}

TEST(Budget, MixturesOfExpertsAreCounted) {
  const Budget budget = make_budget(options_of("molmoe-1b", 2));
  EXPECT_NEAR(budget.total.flops / budget.model_flops, 1.0, 0.05);
}

// The estimate by which recomputation and deferred gradients are chosen (train/step_memory.h), beside all allocations
// of a step: it may be too high by an eighth and some gigabytes, and too low by less than what
// kMostMemoryUse leaves.
TEST(Budget, TheMemoryPlanIsRight) {
  struct Case {
    const char* shape;
    int ranks;
    int64_t rows;
    config::RecomputeConfig recompute;
  };
  const config::RecomputeConfig all{.decoder = 1, .vit = 1, .connector = true};
  for (const Case& c : {Case{"molmo-7b-d", 8, 4, {}}, Case{"molmo-7b-d", 8, 4, {.vit = 1}},
                        Case{"molmo-7b-d", 8, 4, {.vit = 1, .connector = true}},
                        Case{"molmo-7b-d", 8, 4, {.decoder = 2, .vit = 1, .connector = true}},
                        Case{"molmo-7b-d", 8, 4, all}, Case{"molmo-7b-d", 64, 2, {}}, Case{"molmo-7b-o", 64, 2, {}},
                        Case{"molmo-72b", 256, 1, all}, Case{"molmo-72b", 256, 1, {}}, Case{"molmoe-1b", 8, 4, {}}}) {
    config::TrainConfig config;
    config.molmo = config::preset(c.shape);
    config.micro_batch_size = static_cast<int>(c.rows);
    config.data.sequence_length = 2048;
    config.recompute = c.recompute;
    model::Molmo molmo(config.molmo.model);
    mark_trained(molmo.params(), config.optimizer);
    const StepMemory plan = plan_step(config, molmo.units(), c.ranks, at::kBFloat16);
    BudgetOptions options = options_of(c.shape, 0, c.ranks);
    options.step.num_rows = c.rows, options.step.num_tokens = 2048, options.step.num_crops = 13;
    options.step.recompute = c.recompute;
    const auto peak = static_cast<double>(make_budget(options).peak_bytes);
    const double planned = plan.total() - plan.gradients;
    EXPECT_LT(planned, 1.12 * peak + 9e9) << c.shape << " on " << c.ranks << " ranks: " << recompute_text(c.recompute);
    EXPECT_GT(planned, 0.95 * peak) << c.shape << " on " << c.ranks << " ranks: " << recompute_text(c.recompute);
  }
}

// Every wait leaves the GPU without work: a step has one, where losses and gradient norms are read together. On several
// ranks the hosts agree on three things, over links of their own.
TEST(Budget, TheHostWaitsOnceAStep) {
  for (const char* shape : {"molmo-7b-d", "molmoe-1b"}) {
    for (const int ranks : {1, 8}) {
      const Budget budget = make_budget(options_of(shape, 2, ranks));
      for (const auto& [name, effort] : budget.operators)
        if (effort.num_host_waits > 0) EXPECT_EQ(name, "copy to the host") << shape;
      EXPECT_EQ(budget.total.num_host_waits, 1) << shape << " on " << ranks;
      if (ranks > 1) EXPECT_EQ(budget.collectives.at("agreement of 8 hosts").count, 3);
    }
  }
}

// What would end a run on a GPU ends one here.
TEST(Budget, TensorsOfTheHostAmongThoseOfTheGpuAreRefused) {
  simulate::install();
  const Tensor x = at::ones({4, 4}, at::TensorOptions().device(at::kCUDA, 0));
  EXPECT_EQ(testing::error_of([&] { x.index_select(0, at::tensor({1}, at::kLong)); }),
            "[simulate] aten::index_select: argument 'index' is on cpu, expected cuda:0 as the others");
  EXPECT_THROW(x.add(at::ones({4, 4})), std::exception);
  EXPECT_NO_THROW(x.add(at::scalar_tensor(1.0)));  // a number
}

}  // namespace
}  // namespace molmo::train
