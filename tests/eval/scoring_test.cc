// SPDX-License-Identifier: Apache-2.0
#include "eval/scoring.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "molmo/error.h"
#include "support/error_of.h"

namespace molmo::eval {
namespace {

constexpr data::ImageSize kSize{200, 100};

Question pointing(std::vector<geometry::Point> points, std::vector<geometry::Box> boxes) {
  Question question{.task = points.empty() ? Task::kAbsence : Task::kPointing, .record = nullptr, .label = "dogs"};
  question.truth.points = std::move(points);
  question.truth.boxes = std::move(boxes);
  return question;
}

TEST(Scoring, PointInsideItsBoxCounts) {
  const Question question = pointing({{20, 10}, {150, 80}}, {{10, 0, 30, 20}, {140, 70, 160, 90}});
  EXPECT_DOUBLE_EQ(score_prediction(question, "<point x=\"10.0\" y=\"10.0\" alt=\"dogs\">dogs</point>", kSize),
                   2.0 / 3.0);
  EXPECT_DOUBLE_EQ(score_prediction(question, true_answer(question, kSize), kSize), 1.0);
  EXPECT_DOUBLE_EQ(score_prediction(question, "There are none.", kSize), 0.0);
}

TEST(Scoring, PointsWithoutBoxesHitWithinTheRadius) {
  Question question = pointing({{20, 10}, {150, 80}}, {});
  question.truth.radius = parse_radius("6");
  const std::string five_away = "<point x=\"12.5\" y=\"10.0\" alt=\"dogs\">dogs</point>";
  EXPECT_DOUBLE_EQ(score_prediction(question, five_away, kSize), 2.0 / 3.0);
  question.truth.radius = parse_radius("4.5");
  EXPECT_DOUBLE_EQ(score_prediction(question, five_away, kSize), 0.0);
  question.truth.radius = parse_radius("6%");  // of the shorter side, 100
  EXPECT_DOUBLE_EQ(score_prediction(question, five_away, kSize), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(score_prediction(question, true_answer(question, kSize), kSize), 1.0);
  const PointMatch match = match_points(question, five_away, kSize);
  EXPECT_EQ(match.is_hit, std::vector<bool>{true});
  EXPECT_EQ(match.is_found, (std::vector<bool>{true, false}));
}

TEST(Scoring, PercentsAreOfThePicture) {
  Question question = pointing({{10, 10}, {75, 80}}, {{10, 0, 30, 20}, {140, 70, 160, 90}});
  question.truth.is_percent = true;
  EXPECT_EQ(true_points(question, kSize), (std::vector<geometry::Point>{{20, 10}, {150, 80}}));
  EXPECT_DOUBLE_EQ(score_prediction(question, true_answer(question, kSize), kSize), 1.0);
  EXPECT_NE(true_answer(question, kSize).find("x1=\"10.0\" y1=\"10.0\" x2=\"75.0\" y2=\"80.0\""), std::string::npos)
      << true_answer(question, kSize);
}

TEST(Scoring, RadiiArePixelsOrPercent) {
  for (const char* bad : {"", "%", "far", "5 %", "-3", "0", "0%", "5%%", "1e999", "nan"})
    EXPECT_EQ(
        molmo::testing::error_of([&] { parse_radius(bad); }),
        fmt::format("[eval] --radius {}: expected pixels, as 20, or percent of a picture's shorter side, as 5%", bad));
}

TEST(Scoring, AbsenceWantsNoPoint) {
  const Question question = pointing({}, {});
  for (const char* prediction : {"There are none.", "No dogs.", "There are none. (1.5, 2.5 m away)"})
    EXPECT_EQ(score_prediction(question, prediction, kSize), 1.0) << prediction;
  // A broken model names no point either, but does not say so.
  for (const char* prediction : {"", "asdf asdf", "dogs", "<point x=\"10.0\" y=\"10.0\" alt=\"dogs\">dogs</point>",
                                 "There are none. <point x=\"10.0\" y=\"10.0\" alt=\"dogs\">dogs</point>"})
    EXPECT_EQ(score_prediction(question, prediction, kSize), 0.0) << prediction;
  EXPECT_EQ(score_prediction(question, true_answer(question, kSize), kSize), 1.0);
}

TEST(Scoring, CountIsReadFromThePointedPrediction) {
  Question question{.task = Task::kCounting, .record = nullptr, .label = "dogs"};
  question.truth.count = 2;
  EXPECT_EQ(
      score_prediction(question,
                       "Counting the <points x1=\"1.0\" y1=\"2.0\" x2=\"3.0\" y2=\"4.0\" alt=\"dogs\">dogs</points> "
                       "shows a total of 2.",
                       kSize),
      1.0);
  EXPECT_EQ(score_prediction(question, "There are none.", kSize), 0.0);
  question.truth.count = 0;
  EXPECT_EQ(score_prediction(question, "There are none.", kSize), 1.0);
}

TEST(Scoring, CountIsExactInWordsToo) {
  Question question{.task = Task::kCounting, .record = nullptr, .label = "dogs"};
  question.truth.count = 12;
  EXPECT_EQ(score_prediction(question, "There are twelve dogs.", kSize), 1.0);
  EXPECT_EQ(score_prediction(question, "There are 112 dogs.", kSize), 0.0);
  question.truth.count = 0;
  EXPECT_EQ(score_prediction(question, "There are none missing: 12", kSize), 0.0);
  EXPECT_EQ(score_prediction(question, "", kSize), 0.0);
}

TEST(Scoring, ClockIsReadFromASentence) {
  Question question{.task = Task::kClock, .record = nullptr, .label = "q"};
  question.truth.answers = {"8:05"};
  EXPECT_EQ(score_prediction(question, "The time is 08:05.", kSize), 1.0);
  EXPECT_EQ(score_prediction(question, "8:06", kSize), 0.0);
}

TEST(Scoring, EveryTrueAnswerIsRight) {
  Question caption{.task = Task::kCaption, .record = nullptr, .label = "caption"};
  caption.truth.answers = {"A caf\u00e9 in the rain."};
  EXPECT_EQ(score_prediction(caption, "a cafe\u0301 in rain", kSize), 1.0);
  EXPECT_EQ(score_prediction(caption, true_answer(caption, kSize), kSize), 1.0);
  Question count{.task = Task::kCounting, .record = nullptr, .label = "dogs"};
  count.truth.count = 21;
  EXPECT_EQ(score_prediction(count, true_answer(count, kSize), kSize), 1.0);
}

TEST(Scoring, AnswersIgnoreCaseAndSpace) {
  Question question{.task = Task::kShortAnswer, .record = nullptr, .label = "q"};
  question.truth.answers = {"red", "dark red"};
  EXPECT_EQ(score_prediction(question, " Dark Red\n", kSize), 1.0);
  EXPECT_EQ(score_prediction(question, "dark", kSize), 0.0);
}

TEST(Tasks, NamesAreParsedAndSuggested) {
  for (const TaskInfo& info : embedded_tasks()) EXPECT_EQ(parse_task(std::string(info.name)), info.task);
  try {
    parse_task("countin");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[eval] unknown task 'countin', expected one of pointing, absence, counting, clock, short_answer, "
                 "caption (did you mean 'counting'?)");
  }
}

// Two pictures with two labels each, one of them absent.
std::vector<data::Record> two_records() {
  std::vector<data::Record> records(2);
  for (data::Record& record : records) {
    record.images = {"a.png"};
    record.points = {{.label = "dogs", .points = {{1, 2}}, .boxes = {{0, 0, 4, 4}}}, {.label = "cats"}};
    record.counts = {{.label = "dogs", .count = 1}};
    record.caption = "A dog.";
  }
  return records;
}

TEST(Questions, EveryAnnotationIsAskedUnderItsTask) {
  const std::vector<data::Record> records = two_records();
  const std::vector<Task> tasks = {Task::kPointing, Task::kAbsence, Task::kCounting, Task::kClock, Task::kCaption};
  std::map<Task, int> counts;
  for (const Question& question : make_questions(records, {.tasks = tasks}).questions) ++counts[question.task];
  EXPECT_EQ(counts, (std::map<Task, int>{
                        {Task::kPointing, 2}, {Task::kAbsence, 2}, {Task::kCounting, 2}, {Task::kCaption, 2}}));
}

TEST(Questions, ALimitSpreadsOverTheSplit) {
  std::vector<data::Record> records;
  for (int i = 0; i < 5; ++i) records.insert(records.end(), 2, two_records().front());
  const std::vector<Question> chosen =
      make_questions(records, {.tasks = {Task::kCounting}, .max_per_task = 5}).questions;
  ASSERT_EQ(chosen.size(), 5u);
  for (size_t i = 0; i < chosen.size(); ++i) EXPECT_EQ(chosen[i].record, &records[2 * i]);
}

}  // namespace
}  // namespace molmo::eval
