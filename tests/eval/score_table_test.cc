// Means, baselines and chance as units.
// SPDX-License-Identifier: Apache-2.0
#include "eval/score_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "eval/chance.h"

namespace molmo::eval {
namespace {

TEST(Chance, NoQuestionGetsItsOwnAnswer) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const std::vector<Task> tasks = {Task::kClock, Task::kClock, Task::kCounting, Task::kClock, Task::kCounting};
    const std::vector<size_t> others = draw_others(tasks, seed);
    for (size_t i = 0; i < tasks.size(); ++i) {
      EXPECT_NE(others[i], i) << seed;
      EXPECT_EQ(tasks[others[i]], tasks[i]) << seed;
    }
  }
}

TEST(Chance, EveryOtherQuestionIsDrawn) {
  const std::vector<Task> tasks(5, Task::kClock);
  std::set<size_t> drawn;
  for (uint32_t seed = 0; seed < 100; ++seed) drawn.insert(draw_others(tasks, seed)[2]);
  EXPECT_EQ(drawn, (std::set<size_t>{0, 1, 3, 4}));
}

TEST(Chance, PointingAndAbsenceAreGuessedFromBoth) {
  const std::vector<Task> tasks = {Task::kPointing, Task::kAbsence, Task::kPointing, Task::kAbsence};
  std::set<size_t> drawn;
  for (uint32_t seed = 0; seed < 100; ++seed) drawn.insert(draw_others(tasks, seed)[1]);
  EXPECT_EQ(drawn, (std::set<size_t>{0, 2, 3}));
  EXPECT_EQ(draw_others(std::vector<Task>{Task::kClock}, 0), std::vector<size_t>{0});
  EXPECT_TRUE(draw_others({}, 0).empty());
}

TEST(ScoreTable, MeansAreOfTheirTaskAlone) {
  const QuestionScore questions[] = {{Task::kClock, 1.0, 0.5, 0.25},
                                     {Task::kCounting, 0.0, 0.0, 1.0},
                                     {Task::kClock, 0.5, 0.5, 0.75},
                                     {Task::kCounting, 1.0, 0.0, 0.0},
                                     {Task::kCounting, 1.0, 0.3, 0.5}};
  const Task tasks[] = {Task::kCounting, Task::kCaption, Task::kClock};
  const std::vector<TaskScore> scores = summarize(questions, tasks, 0);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].task, Task::kCounting);
  EXPECT_EQ(scores[0].num_questions, 3);
  EXPECT_DOUBLE_EQ(scores[0].model, 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(scores[0].chance, 0.1);
  EXPECT_DOUBLE_EQ(*scores[0].blank, 0.5);
  EXPECT_EQ(scores[1].task, Task::kClock);
  EXPECT_EQ(scores[1].num_questions, 2);
  EXPECT_DOUBLE_EQ(scores[1].model, 0.75);
  EXPECT_DOUBLE_EQ(*scores[1].blank, 0.5);
  EXPECT_GE(scores[1].interval.low, 0.5);
  EXPECT_LE(scores[1].interval.high, 1.0);
}

TEST(ScoreTable, WhatWasNotAskedHasNoScore) {
  const QuestionScore questions[] = {{Task::kAbsence, 1.0, 0.5, {}}, {Task::kAbsence, 0.0, 0.5, {}}};
  const Task tasks[] = {Task::kAbsence};
  const std::vector<TaskScore> scores = summarize(questions, tasks, 0);
  EXPECT_FALSE(scores[0].blank);
  EXPECT_EQ(
      scores_json(scores).dump(),
      R"({"absence_accuracy":{"model":0.5,"blank":null,"chance":0.5,"n":2,"interval":[0.0,1.0],"mode":"fixed"}})");
  EXPECT_NE(format_scores(scores).find("absence_accuracy           0.500   [0.000, 1.000]       -   0.500      2"),
            std::string::npos)
      << format_scores(scores);
}

}  // namespace
}  // namespace molmo::eval
