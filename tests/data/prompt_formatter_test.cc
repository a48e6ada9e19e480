// SPDX-License-Identifier: Apache-2.0
#include "data/prompt_formatter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "data/prompt_templates.h"
#include "molmo/error.h"
#include "support/paths.h"

namespace molmo::data {
namespace {

constexpr ImageSize kPictureSize{640, 480};

Message pointing(const std::string& label) {
  Message message;
  message.style = "pointing";
  message.label = label;
  message.points = PointArray{{{64, 48}}};
  return message;
}

Message caption(const std::string& text) {
  Message message;
  message.style = "long_caption";
  message.text = text;
  return message;
}

config::PromptConfig caption_stage() {
  config::PromptConfig config;
  config.prompt_templates = config::PromptTemplates::kNone;
  config.message_format = config::MessageFormat::kNone;
  config.system_prompt = config::SystemPrompt::kStyleAndLength;
  return config;
}

std::vector<std::string> format_one(const config::PromptConfig& config, const Message& message, bool for_inference,
                                    uint32_t seed) {
  RandomState random(seed);
  return PromptFormatter(config)({.messages = {message}}, kPictureSize, for_inference, random).conversations.at(0);
}

void expect_table(const Json& expected, std::span<const std::string_view> table) {
  EXPECT_EQ(expected.get<std::vector<std::string>>(), std::vector<std::string>(table.begin(), table.end()));
}

TEST(PromptTemplates, AreTheReleasedOnesInTheirOrder) {
  const Json expected = read_json(testing::data_directory() / "prompts" / "templates.json");
  EXPECT_EQ(expected.at("placeholder"), kLabelPlaceholder);
  expect_table(expected.at("long_caption"), long_caption_templates());
  expect_table(expected.at("pointing"), pointing_templates());
  expect_table(expected.at("point_count"), point_count_templates());
  expect_table(expected.at("no_pointing_prefix"), no_pointing_prefixes());
  expect_table(expected.at("demo_styles"), kDemoStyles);
}

TEST(PromptFormatter, InferenceAsksWhatTrainingAsks) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const auto training = format_one({}, pointing("Dogs"), false, seed),
               inference = format_one({}, pointing("Dogs"), true, seed);
    ASSERT_EQ(training.size(), 2u);
    ASSERT_EQ(inference.size(), 1u);
    EXPECT_EQ(training[0], inference[0]);
    EXPECT_EQ(training[1], " <point x=\"10.0\" y=\"10.0\" alt=\"dogs\">dogs</point>");
  }
}

TEST(PromptFormatter, LabelOnlyMovesThroughTheTemplate) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::string with_cats = format_one({}, pointing("CATS"), true, seed)[0];
    const std::string with_dogs = format_one({}, pointing("dogs"), true, seed)[0];
    with_cats.replace(with_cats.find("cats"), 4, "dogs");
    EXPECT_EQ(with_cats, with_dogs);
  }
}

TEST(PromptFormatter, EarlierMessagesDoNotDependOnLaterOnes) {
  RandomState a(3), b(3);
  const PromptFormatter format{config::PromptConfig{}};
  const auto one = format({.messages = {pointing("dogs")}, .is_list = true}, kPictureSize, false, a);
  const auto two = format({.messages = {pointing("dogs"), caption("x")}, .is_list = true}, kPictureSize, false, b);
  EXPECT_EQ(one.conversations[0], two.conversations[0]);
}

TEST(PromptFormatter, ATenthOfDemoPromptsCarriesTheTag) {
  int num_tagged = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed)
    num_tagged += format_one({}, pointing("dogs"), true, seed)[0].starts_with(" User: pointing: ");
  EXPECT_NEAR(num_tagged / 2000.0, 0.1, 0.02);
}

TEST(PromptFormatter, LengthHintsFollowTheCaption) {
  const std::string text(1000, 'x');
  EXPECT_EQ(format_one(caption_stage(), caption(text), true, 0), std::vector<std::string>{" long_caption 65:"});
  std::set<std::string> prompts;
  for (uint32_t seed = 0; seed < 200; ++seed)
    prompts.insert(format_one(caption_stage(), caption(text), false, seed)[0]);
  EXPECT_TRUE(prompts.contains(" long_caption :"));
  EXPECT_TRUE(prompts.contains(" long_caption 66:"));
  EXPECT_GT(prompts.size(), 5u);
}

TEST(PromptFormatter, EveryQuestionOfAConversationHasItsRole) {
  Message message;
  message.style = "demo";
  message.turns = {"one?", "1", "two?", "2", "three?"};
  const std::vector<std::string> expected = {" User: one? Assistant:", " 1", " User: two? Assistant:", " 2",
                                             " User: three? Assistant:"};
  EXPECT_EQ(format_one({}, message, /*for_inference=*/true, 1), expected);
}

TEST(PromptFormatter, TiesBetweenAnswersAreDrawn) {
  Message message;
  message.style = "vqa2";
  message.question = "what?";
  message.answers = {"b", "a", "b", "a", "c"};
  std::set<std::string> seen;
  for (uint32_t seed = 0; seed < 30; ++seed) seen.insert(format_one({}, message, false, seed)[1]);
  EXPECT_EQ(seen, (std::set<std::string>{" a", " b"}));
}

TEST(PromptFormatter, ErrorsNameWhatIsMissing) {
  Message message;
  message.question = "what?";
  const auto message_of = [&] {
    try {
      format_one({}, message, false, 0);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message_of(), "[prompt] message without a style, which chooses its template");
  message.style = "vqa2";
  EXPECT_EQ(message_of(), "[prompt] message of style 'vqa2' without an answer");
  message.options = {"yes", "no"};
  message.answer_index = 2;
  EXPECT_EQ(message_of(), "[prompt] answer index of a choice, got 2, expected 0 to 1");
}

}  // namespace
}  // namespace molmo::data
