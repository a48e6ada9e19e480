// What is recomputed follows from the memory that there is.
// SPDX-License-Identifier: Apache-2.0
#include "train/choose_recompute.h"

#include <gtest/gtest.h>

#include "config/presets.h"
#include "model/molmo.h"
#include "train/groups.h"
#include "train/step_memory.h"

namespace molmo::train {
namespace {

struct Planned {
  config::TrainConfig config;
  std::unique_ptr<model::Molmo> molmo;

  explicit Planned(const std::string& preset) {
    config.molmo = config::preset(preset);
    config.data.sequence_length = 2304;
    molmo = std::make_unique<model::Molmo>(config.molmo.model);  // on the meta device
    mark_trained(molmo->params(), config.optimizer);
  }

  size_t choose(double gigabytes, int num_shards = 64) const {
    return choose_recompute(config, molmo->units(), num_shards, at::kBFloat16, 1e9 * gigabytes);
  }
  double plan(size_t choice, int num_shards = 64) const {
    config::TrainConfig tried = config;
    tried.recompute = recompute_choices()[choice];
    const StepMemory memory = plan_step(tried, molmo->units(), num_shards, at::kBFloat16);
    return memory.total() - memory.gradients;
  }
};

TEST(ChooseRecompute, EachChoiceTakesLessMemoryThanTheOneBefore) {
  for (const char* preset : {"molmo-7b-d", "molmo-72b", "molmoe-1b"}) {
    Planned planned(preset);
    planned.config.micro_batch_size = 4;
    for (size_t i = 1; i < recompute_choices().size(); ++i)
      EXPECT_LT(planned.plan(i), planned.plan(i - 1)) << preset << ", choice " << i;
  }
}

TEST(ChooseRecompute, TakesTheFirstThatFits) {
  Planned planned("molmo-7b-d");
  planned.config.micro_batch_size = 2;
  for (size_t i = 0; i < recompute_choices().size(); ++i) {
    const double enough = planned.plan(i) / kMostMemoryUse;
    EXPECT_EQ(planned.choose(1.0001 * enough / 1e9), i);
    if (i + 1 < recompute_choices().size()) EXPECT_EQ(planned.choose(0.9999 * enough / 1e9), i + 1);
  }
  EXPECT_EQ(planned.choose(1), recompute_choices().size() - 1) << "nothing fits: all of it";
}

// The paper's batches on its GPUs.
TEST(ChooseRecompute, KnowsTheRunsOfThePaper) {
  Planned seven("molmo-7b-d");
  seven.config.micro_batch_size = 2;
  EXPECT_EQ(recompute_text(recompute_choices()[seven.choose(85)]), "nothing");
  seven.config.micro_batch_size = 4;
  EXPECT_NE(seven.choose(85), 0u);
  Planned large("molmo-72b");
  large.config.micro_batch_size = 1;
  EXPECT_GT(large.choose(85, 128), 0u);
  EXPECT_EQ(large.choose(150, 128), 0u);
}

TEST(ChooseRecompute, SaysWhatItIs) {
  EXPECT_EQ(recompute_text({}), "nothing");
  EXPECT_EQ(recompute_text({.vit = 2}), "every 2nd block of the tower");
  EXPECT_EQ(recompute_text({.decoder = 3, .vit = 1, .connector = true}),
            "all blocks of the tower, the connector, every 3rd block of the decoder");
}

}  // namespace
}  // namespace molmo::train
