// Whole evaluations of a tiny model on a few pictures.
// SPDX-License-Identifier: Apache-2.0
#include "eval/runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/files.h"
#include "base/strings.h"
#include "eval/progress.h"
#include "generate/tiny_loaded_model.h"
#include "image/encode.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::eval {
namespace {

using molmo::testing::error_of;
using molmo::testing::striped_picture;
using molmo::testing::TemporaryFolder;
using molmo::testing::tiny_loaded_model;

std::string question_line(int picture, const std::string& question = "What is it?") {
  return fmt::format(R"({{"image": "{}.png", "split": "test", "qa": [{{"q": "{}", "a": "red"}}]}})", picture,
                     question) +
         "\n";
}

class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() {
    for (int i = 0; i < 4; ++i) image::save_picture(data() / fmt::format("{}.png", i), striped_picture(i));
    image::save_picture(data() / "4.png", striped_picture(4, 16, 40));  // of another size
  }
  std::filesystem::path data() const {
    std::filesystem::create_directories(folder_ / name_);
    return folder_ / name_;
  }
  std::filesystem::path log() const { return folder_ / "out" / "predictions.jsonl"; }
  void write(const std::string& lines) const { write_file_atomically(data() / "data.jsonl", lines); }

  EvalResult run(EvalOptions options = {}) const {
    options.data = data();
    if (options.tasks.empty()) options.tasks = {Task::kShortAnswer};
    return evaluate(model_, {}, options);
  }
  EvalResult run_logged(EvalOptions options = {}) const {
    options.out = folder_ / "out";
    return run(options);
  }
  std::vector<Json> logged() const {
    std::vector<Json> lines;
    for_each_json_line(log(), [&](size_t number, const Json& line) {
      if (number > 1) lines.push_back(line);
    });
    return lines;
  }
  // Rewrites the predictions about real pictures, so that it shows where they go.
  void mark_predictions() const {
    std::string text = read_text_file(log());
    text = text.substr(0, text.find('\n') + 1);
    int count = 0;
    for (Json line : logged()) {
      if (!line.at("blank")) line["reply"] = fmt::format("marked {}", count++);
      text += format_json_line(line) + "\n";
    }
    write_file_atomically(log(), text);
  }

  static std::vector<std::string> predictions(const EvalResult& result) {
    std::vector<std::string> texts;
    for (const Answered& item : result.answers) texts.push_back(item.prediction);
    return texts;
  }

  TemporaryFolder folder_;
  std::string name_ = "data";
  generate::LoadedModel model_ = tiny_loaded_model();
};

TEST_F(RunnerTest, QuestionsSeeTheirOwnPictures) {
  for (const bool byte_patches : {false, true}) {
    model_ = tiny_loaded_model(byte_patches);
    write(question_line(0) + question_line(1) + question_line(2));
    const EvalResult together = run({.batch_size = 8});
    ASSERT_EQ(together.answers.size(), 3u);
    std::set<std::string> different;
    for (int i = 0; i < 3; ++i) {
      write(question_line(i));
      const EvalResult alone = run();
      EXPECT_EQ(alone.answers[0].prediction, together.answers[static_cast<size_t>(i)].prediction) << i;
      EXPECT_EQ(alone.answers[0].blank_prediction, together.answers[static_cast<size_t>(i)].blank_prediction) << i;
      different.insert(alone.answers[0].prediction);
    }
    EXPECT_GE(different.size(), 2u);  // else this test could not fail
  }
}

TEST_F(RunnerTest, BatchesAndRanksGiveTheSamePredictions) {
  std::string lines;
  for (int i = 0; i < 7; ++i) lines += question_line(i % 5, i < 5 ? "What is it?" : "How many?");
  write(lines);
  const EvalResult alone = run({.batch_size = 1});
  const std::vector<std::string> expected = predictions(alone);
  EXPECT_EQ(predictions(run({.batch_size = 3})), expected);
  // Two ranks, one after the other: each hands over what it has said, and takes what the other says.
  std::vector<std::string> said(2);
  for (int pass = 0; pass < 2; ++pass) {
    for (int rank = 0; rank < 2; ++rank) {
      EvalOptions options{.batch_size = 2};
      options.share = {.index = rank, .count = 2, .exchange = [&](const std::string& own) {
                         said[static_cast<size_t>(rank)] = own;
                         return pass == 0 ? std::vector<std::string>{own} : said;
                       }};
      const EvalResult result = run(options);
      if (pass == 0) continue;
      EXPECT_EQ(predictions(result), expected) << rank;
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(result.answers[i].size.width, alone.answers[i].size.width) << rank;
        EXPECT_EQ(result.answers[i].size.height, alone.answers[i].size.height) << rank;
      }
    }
  }
}

TEST_F(RunnerTest, PredictionsStayWithTheirQuestions) {
  write(question_line(0) + question_line(1));
  run_logged();
  mark_predictions();
  EXPECT_EQ(predictions(run_logged()), (std::vector<std::string>{"marked 0", "marked 1"}));
  const size_t num_lines = logged().size();
  // A line above them, and their order changed: only the new question is asked.
  write(question_line(2) + question_line(1) + question_line(0));
  const EvalResult more = run_logged();
  EXPECT_EQ(more.answers[1].prediction, "marked 1");
  EXPECT_EQ(more.answers[2].prediction, "marked 0");
  EXPECT_FALSE(more.answers[0].prediction.starts_with("marked")) << more.answers[0].prediction;
  EXPECT_GT(logged().size(), num_lines);
  // Another picture under the same name, or other words: asked anew.
  image::save_picture(data() / "0.png", striped_picture(7));
  write(question_line(1, "What colour?") + question_line(0));
  for (const std::string& prediction : predictions(run_logged()))
    EXPECT_FALSE(prediction.starts_with("marked")) << prediction;
}

TEST_F(RunnerTest, AMovedFolderGoesOn) {
  write(question_line(0) + question_line(1));
  run_logged();
  mark_predictions();
  const std::string before = read_text_file(log());
  std::filesystem::rename(folder_ / "data", folder_ / "moved");
  name_ = "moved";
  EXPECT_EQ(predictions(run_logged()), (std::vector<std::string>{"marked 0", "marked 1"}));
  EXPECT_EQ(read_text_file(log()), before);
}

// The same words may be a short question and something to count; how long a prediction may be is part of what it
// answers.
TEST_F(RunnerTest, PredictionsOfAShortTaskAnswerNoLongOne) {
  model_.config.prompt.prompt_templates = config::PromptTemplates::kNone;
  model_.config.prompt.system_prompt = config::SystemPrompt::kNone;
  write(
      R"({"image": "0.png", "split": "test", "qa": [{"q": "dogs", "a": "red"}], "counts": [{"label": "dogs", "count": 1}]})"
      "\n");
  const std::string expected = run({.tasks = {Task::kCounting}}).answers[0].prediction;
  const EvalResult both = run_logged({.tasks = {Task::kShortAnswer, Task::kCounting}});
  ASSERT_EQ(both.answers.size(), 2u);
  EXPECT_EQ(both.answers[0].prompt, both.answers[1].prompt);
  EXPECT_NE(both.answers[0].prediction, expected) << "cut, else this test could not fail";
  EXPECT_EQ(both.answers[1].prediction, expected);
  EXPECT_EQ(run_logged({.tasks = {Task::kCounting}}).answers[0].prediction, expected);
}

// The size of a picture in the log is believed: nothing is decoded for a question that is answered.
TEST_F(RunnerTest, AnsweredQuestionsAreNotDecoded) {
  write(question_line(0));
  run_logged();
  std::string text = read_text_file(log());
  for (size_t at; (at = text.find("[24,16]")) != std::string::npos;) text.replace(at, 7, "[25,17]");
  for (size_t at; (at = text.find("\"blank\":true")) != std::string::npos;) text.erase(text.rfind('\n', at) + 1);
  write_file_atomically(log(), text);
  const EvalResult result = run_logged();
  EXPECT_EQ(result.answers[0].size.width, 25);
  EXPECT_EQ(result.answers[0].size.height, 17);
}

TEST_F(RunnerTest, EqualQuestionsAreAskedOnceAndLoggedEach) {
  write(question_line(0) + question_line(0) + question_line(1));
  run_logged();
  ASSERT_EQ(logged().size(), 6u);
  std::set<std::string> keys;
  for (const Json& line : logged()) {
    keys.insert(line.at("key"));
    EXPECT_EQ(line.at("truth"), "red");
    EXPECT_TRUE(line.at("prompt").get<std::string>().find("What is it?") != std::string::npos) << line.dump();
  }
  EXPECT_EQ(keys.size(), 3u);  // two pictures, and one blank for all of a size
  const std::string before = read_text_file(log());
  run_logged();
  EXPECT_EQ(read_text_file(log()), before);
  write(question_line(0) + question_line(4));
  run_logged();
  ASSERT_EQ(logged().size(), 8u);
  EXPECT_EQ(logged()[7].at("size"), Json({16, 40}));
  for (const Json& line : logged()) keys.insert(line.at("key"));
  EXPECT_EQ(keys.size(), 5u);
}

TEST_F(RunnerTest, PromptsDoNotDependOnOtherQuestions) {
  std::string lines;
  for (int i = 0; i < 4; ++i) {
    lines += fmt::format(
        R"({{"image": "{0}.png", "split": "test", "points": [{{"label": "dogs", "points": [[5, 5]], "boxes": [[0, 0, 9, 9]]}}, {{"label": "cats", "points": []}}], "counts": [{{"label": "dogs", "count": 1}}]}})"
        "\n",
        i);
  }
  write(lines);
  const auto prompts = [&](EvalOptions options) {
    std::map<std::string, std::string> by_question;
    options.tasks.insert(options.tasks.begin(), {Task::kCounting, Task::kPointing});
    options.with_blank = false;
    for (const Answered& item : run(options).answers) {
      by_question[fmt::format("{} {}", item.image.filename().string(), task_info(item.question.task).name)] =
          item.prompt;
    }
    return by_question;
  };
  const auto all = prompts({}), fewer = prompts({.max_per_task = 2}), more = prompts({.tasks = {Task::kAbsence}});
  EXPECT_EQ(fewer.size(), 4u);
  for (const auto& [question, prompt] : fewer) EXPECT_EQ(prompt, all.at(question)) << question;
  for (const auto& [question, prompt] : all) EXPECT_EQ(prompt, more.at(question)) << question;
  EXPECT_NE(prompts({.seed = 1}), all);
  std::set<std::string> different;
  for (const auto& [question, prompt] : all) different.insert(prompt);
  EXPECT_GT(different.size(), 4u);  // templates vary
}

TEST_F(RunnerTest, OtherWeightsAreAnotherEvaluation) {
  write(question_line(0));
  run_logged();
  model_.fingerprint = "others";
  EXPECT_EQ(error_of([&] { run_logged(); }, (folder_ / "out").string()),
            "[eval] predictions.jsonl: made with other settings: weights/0 was \"tiny\", is \"others\"; expected a "
            "new folder for --out");
}

TEST_F(RunnerTest, WithoutBlanksThereIsNoBlankScore) {
  write(question_line(0) + question_line(1));
  const EvalResult result = run({.with_blank = false});
  EXPECT_FALSE(result.scores.at(0).blank);
  EXPECT_EQ(result.scores.at(0).num_questions, 2);
  EXPECT_EQ(result.scores.at(0).chance, 1.0);  // both answers are "red"
  EXPECT_TRUE(run().scores.at(0).blank);
}

TEST_F(RunnerTest, SplitsWithoutQuestionsAreRefused) {
  write(question_line(0));
  EXPECT_EQ(
      error_of([&] { run({.tasks = {Task::kClock}}); }, data().string()),
      "[eval] data.jsonl: no questions in split 'test', got 1 record without anything that these tasks ask about");
}

TEST_F(RunnerTest, PointsWithoutBoxesAreCountedOrScoredByDistance) {
  const auto line = [](int picture, const std::string& entry) {
    return fmt::format(R"({{"image": "{}.png", "split": "test", "points": [{}]}})", picture, entry) + "\n";
  };
  write(line(0, R"({"label": "dogs", "points": [[5, 5]], "boxes": [[0, 0, 9, 9]]})") +
        line(1, R"({"label": "dogs", "points": [[5, 5]]})") +
        line(2, R"({"label": "dogs", "points": [[50, 50]], "unit": "percent"})") +
        R"({"images": ["0.png", "1.png"], "split": "test", "qa": [{"q": "q", "a": "a"}]})"
        "\n");
  EvalOptions options{.data = data(), .tasks = {Task::kPointing}};
  const EvalPlan plan = plan_evaluation(options);
  EXPECT_EQ(plan.items.size(), 1u);
  EXPECT_EQ(plan.num_pictures, 4);
  EXPECT_EQ(plan.left_out, (std::vector<std::string>{
                               "2 lists of points without a box for each point (--radius scores them by distance)",
                               "1 record of several pictures"}));
  options.radius = parse_radius("5");
  const EvalPlan all = plan_evaluation(options);
  EXPECT_EQ(all.items.size(), 3u);
  EXPECT_EQ(all.left_out, std::vector<std::string>{"1 record of several pictures"});
  write(line(1, R"({"label": "dogs", "points": [[5, 5]]})"));
  options.radius.reset();
  EXPECT_EQ(error_of([&] { plan_evaluation(options); }, data().string()),
            "[eval] data.jsonl: no questions in split 'test', got 1 list of points without a box for each point "
            "(--radius scores it by distance)");
}

TEST(Progress, SaysHowFarItIs) {
  EXPECT_EQ(format_progress(0, 0, 600, 0.0), "0 of 600 predictions (0 %)");
  EXPECT_EQ(format_progress(100, 100, 600, 3.0), "100 of 600 predictions (16 %)");
  EXPECT_EQ(format_progress(120, 100, 600, 2.0), "120 of 600 predictions (20 %), 10.0 predictions/s, ETA 48.0 s");
  EXPECT_EQ(format_progress(600, 0, 600, 60.0), "600 of 600 predictions (100 %), 10.0 predictions/s");
}

}  // namespace
}  // namespace molmo::eval
