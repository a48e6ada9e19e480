// SPDX-License-Identifier: Apache-2.0
#include "eval/prediction_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::eval {
namespace {

using molmo::testing::error_of;
using molmo::testing::TemporaryFolder;

const Json kSettings = {{"dtype", "fp32"}, {"config", {{"preprocess", {{"max_crops", 12}}}}}};

LoggedPrediction prediction(const std::string& key, const std::string& text, Pictures pictures = Pictures::kReal) {
  return {.key = key,
          .pictures = pictures,
          .size = {4, 3},
          .text = text,
          .task = "clock",
          .image = "1.png",
          .prompt = "What?",
          .truth = "8:05"};
}

class PredictionLogTest : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return folder_ / "predictions.jsonl"; }
  std::string content() const { return read_text_file(file()); }
  void fill() {
    PredictionLog log(folder_.path(), kSettings);
    log.add(prediction("a", "one"));
    log.add(prediction("b", "two", Pictures::kBlank));
  }
  std::string error_with(const Json& settings) const {
    return error_of([&] { PredictionLog(folder_.path(), settings); }, folder_.path().string());
  }

  TemporaryFolder folder_;
};

TEST_F(PredictionLogTest, KeepsPredictionsFromRunToRun) {
  fill();
  const std::string before = content();
  const PredictionLog log(folder_.path(), kSettings);
  ASSERT_NE(log.find("a"), nullptr);
  EXPECT_EQ(log.find("a")->text, "one");
  EXPECT_EQ(log.find("a")->size.width, 4);
  EXPECT_EQ(log.find("a")->size.height, 3);
  EXPECT_EQ(log.find("b")->text, "two");
  EXPECT_EQ(log.find("c"), nullptr);
  EXPECT_EQ(log.count("a"), 1u);
  EXPECT_EQ(log.count("c"), 0u);
  EXPECT_EQ(content(), before);
}

TEST_F(PredictionLogTest, EveryPredictionIsInTheFileAtOnce) {
  PredictionLog log(folder_.path(), kSettings);
  EXPECT_NE(content().find("\"dtype\":\"fp32\""), std::string::npos);
  for (const char* key : {"a", "b", "c"}) {
    log.add(prediction(key, std::string("prediction to ") + key));
    EXPECT_TRUE(content().ends_with(std::string("\"reply\":\"prediction to ") + key + "\"}\n")) << content();
  }
}

TEST_F(PredictionLogTest, ATornLastLineIsCutOff) {
  fill();
  const std::string whole = content();
  const size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (const size_t size : {last + 1, last + 20, whole.size() - 2}) {
    write_file_atomically(file(), whole.substr(0, size));
    PredictionLog log(folder_.path(), kSettings);
    EXPECT_EQ(log.find("b"), nullptr);
    EXPECT_EQ(content(), whole.substr(0, last));
    log.add(prediction("b", "two", Pictures::kBlank));
    EXPECT_EQ(content(), whole);
  }
}

TEST_F(PredictionLogTest, ATornFirstLineLosesNoSettings) {
  fill();
  for (const std::string& left : {content().substr(0, 10), std::string(), std::string("\n")}) {
    write_file_atomically(file(), left);
    { PredictionLog(folder_.path(), kSettings).add(prediction("a", "one")); }
    EXPECT_TRUE(content().starts_with("{\"settings\":")) << content();
  }
  Json other = kSettings;
  other["dtype"] = "bf16";
  EXPECT_NE(error_with(other), "no error");
}

TEST_F(PredictionLogTest, ALineWithoutItsNewlineCounts) {
  fill();
  const std::string whole = content();
  write_file_atomically(file(), whole.substr(0, whole.size() - 1));
  PredictionLog log(folder_.path(), kSettings);
  EXPECT_NE(log.find("b"), nullptr);
  EXPECT_EQ(content(), whole);
}

TEST_F(PredictionLogTest, OtherSettingsAreNamed) {
  fill();
  Json other = kSettings;
  other["config"]["preprocess"]["max_crops"] = 36;
  EXPECT_EQ(error_with(other),
            "[eval] predictions.jsonl: made with other settings: config/preprocess/max_crops was 12, is 36; expected a "
            "new folder for --out");
  other = kSettings;
  other["weights"] = "w";
  EXPECT_EQ(
      error_with(other),
      "[eval] predictions.jsonl: made with other settings: weights was absent, is \"w\"; expected a new folder for "
      "--out");
}

TEST_F(PredictionLogTest, WhatIsNoListOfPredictionsIsRefused) {
  fill();
  const std::string whole = content();
  write_file_atomically(file(), whole.substr(whole.find('\n') + 1));
  EXPECT_EQ(error_with(kSettings),
            "[eval] predictions.jsonl: begins without settings, expected a file that molmo eval wrote");
  write_file_atomically(file(), whole + "{\"question\":3}\n");
  EXPECT_EQ(error_with(kSettings), "[eval] predictions.jsonl:4: not a line of predictions: {\"question\":3}");
  write_file_atomically(file(), whole + R"({"key": "c", "blank": true, "size": [0, 3], "reply": ""})" + "\n");
  EXPECT_EQ(error_with(kSettings),
            "[eval] predictions.jsonl: a picture of 0 x 3 pixels, expected 1 to 1000000 on a side");
  write_file_atomically(file(), whole + "{\"key\n" + whole.substr(whole.find('\n') + 1));
  EXPECT_NE(error_with(kSettings).find("predictions.jsonl:4"), std::string::npos) << error_with(kSettings);
  EXPECT_EQ(content().size(), whole.size() + 6 + whole.size() - whole.find('\n') - 1);  // nothing was thrown away
}

TEST_F(PredictionLogTest, OneEvaluationAtATime) {
  const PredictionLog log(folder_.path(), kSettings);
  EXPECT_EQ(error_of([&] { PredictionLog(folder_.path(), kSettings); }),
            "[eval] " + folder_.path().string() + " is in use by another evaluation, expected one at a time");
}

TEST(PredictionLog, WithoutAFolderRemembers) {
  PredictionLog log({}, kSettings);
  log.add(prediction("a", "one"));
  EXPECT_EQ(log.find("a")->text, "one");
  EXPECT_EQ(log.count("a"), 1u);
}

}  // namespace
}  // namespace molmo::eval
