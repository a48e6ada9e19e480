// SPDX-License-Identifier: Apache-2.0
#include "train/step_memory.h"

#include <gtest/gtest.h>

#include "config/presets.h"
#include "model/molmo.h"
#include "train/groups.h"

namespace molmo::train {
namespace {

StepMemory plan_of(const std::string& preset, int num_shards, bool recomputes) {
  config::TrainConfig config;
  config.molmo = config::preset(preset);
  config.recompute.decoder = config.recompute.vit = recomputes ? 1 : 0;
  model::Molmo molmo(config.molmo.model);  // on the meta device
  mark_trained(molmo.params(), config.optimizer);
  return plan_step(config, molmo.units(), num_shards, at::kBFloat16);
}

constexpr double kGB = 1e9;

TEST(StepMemory, GrowsWithTheModelAndShrinksWithTheRanks) {
  const StepMemory seven = plan_of("molmo-7b-d", 8, /*recomputes=*/true);
  EXPECT_NEAR(seven.gradients, 30 * kGB, 1 * kGB);                                     // 7.5 billion values train
  EXPECT_NEAR(seven.state + seven.shard_gradients, 4 * seven.gradients / 8, 1 * kGB);  // the embedding does not train
  EXPECT_NEAR(plan_of("molmo-7b-d", 64, true).state, seven.state / 8, 1 * kGB);
  EXPECT_GT(plan_of("molmo-7b-d", 8, /*recomputes=*/false).activations, 2 * seven.activations);
}

// Whole gradients of seven billion values are for GPUs of 141 GB, those of 72 billion for none.
TEST(StepMemory, TellsWhereWholeGradientsFit) {
  EXPECT_LT(plan_of("molmo-7b-d", 8, true).total(), 0.85 * 141 * kGB);
  const StepMemory large = plan_of("molmo-72b", 128, true);
  EXPECT_GT(large.total(), 141 * kGB);
  EXPECT_LT(large.total() - large.gradients, 0.85 * 80 * kGB) << "without them the run fits";
}

TEST(StepMemory, KnowsWhatAProcessMayTake) {
  const double one = available_bytes(at::kCPU, 1);
  EXPECT_GT(one, 1e8);
  EXPECT_LT(one, 1e14);
  EXPECT_LT(available_bytes(at::kCPU, 4), one / 3);
}

}  // namespace
}  // namespace molmo::train
