// SPDX-License-Identifier: Apache-2.0
#include "train/best_score.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace molmo::train {
namespace {

Json task(int step, double score) { return {{"step", step}, {"evaluation", "tasks"}, {"pointing_f1", score}}; }
Json loss(int step, double value) { return {{"step", step}, {"evaluator", "held"}, {"cross_entropy", value}}; }

TEST(BestScore, IsTheLargestOfAScoreAndTheFirstOfEqualOnes) {
  BestScore best("tasks.pointing_f1");
  EXPECT_EQ(best.step(), std::nullopt);
  EXPECT_FALSE(best.see(loss(1, 9.0)));  // of another evaluation
  EXPECT_TRUE(best.see(task(2, 0.2)));
  EXPECT_TRUE(best.see(task(4, 0.5)));
  EXPECT_FALSE(best.see(task(6, 0.5)));
  EXPECT_FALSE(best.see(task(8, 0.1)));
  EXPECT_EQ(best.step(), 4);
}

TEST(BestScore, IsTheSmallestOfALoss) {
  BestScore best("held.cross_entropy");
  EXPECT_TRUE(best.see(loss(2, 3.0)));
  EXPECT_FALSE(best.see(loss(4, 3.5)));
  EXPECT_FALSE(best.see({{"step", 5}, {"evaluator", "held"}, {"cross_entropy", nullptr}}));  // not finite
  EXPECT_TRUE(best.see(loss(6, 2.5)));
  EXPECT_EQ(best.step(), 6);
}

// An evaluation and a loss evaluator may have one name.
TEST(BestScore, KnowsALossFromAScore) {
  BestScore best("tasks.cross_entropy");
  EXPECT_FALSE(best.see(task(2, 0.2)));
  EXPECT_TRUE(best.see({{"step", 4}, {"evaluator", "tasks"}, {"cross_entropy", 3.0}}));
}

TEST(BestScore, AScoreThatIsNotMeasuredIsNamed) {
  BestScore best("tasks.f1");
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(best.see(task(2, 0.2)));
  EXPECT_FALSE(best.see(task(4, 0.2)));
  const std::string said = ::testing::internal::GetCapturedStderr();
  const std::string text = "[train] keep_best: 'tasks' has no score 'f1', got pointing_f1; no step is kept for it";
  EXPECT_NE(said.find(text), std::string::npos) << said;
  EXPECT_EQ(said.find(text), said.rfind(text)) << "once: " << said;
}

}  // namespace
}  // namespace molmo::train
