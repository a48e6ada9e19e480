// The library as its users see it: what belongs to a prompt stays with it.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/tiny_folder.h"
#include "molmo/error.h"
#include "molmo/molmo.h"
#include "support/paths.h"

namespace molmo {
namespace {

constexpr const char* kPoint = "(50.0,25.0)";  // SentencePiece finds no symbol with a space in it

// After a prompt's last token comes kPoint, a token of its own, and then the end.
void always_point(ParamSet& params, const text::MolmoTokenizer& tokenizer) {
  const std::vector<int64_t> prompt = tokenizer.tokenizer->encode(" User: dogs Assistant:");
  int64_t point = 0;
  while (tokenizer.tokenizer->token_bytes(point) != kPoint) ++point;
  for (Parameter& param : params.all()) {
    const bool ends_branch = param.name.ends_with("attn_out.weight") ||
                             (param.name.find("blocks.") != std::string::npos && param.name.ends_with("ff_out.weight"));
    if (ends_branch) param.value.zero_();  // the hidden state is the token's embedding
  }
  const Tensor table = params.find("model.transformer.wte.embedding")->value,
               head = params.find("model.transformer.ff_out.weight")->value;
  head.zero_();
  head[point].copy_(table[prompt.back()]);
  head[tokenizer.special.eos].copy_(table[point]);
}

Image grey_image(int width, int height) {
  return {width, height, std::vector<uint8_t>(size_t{3} * static_cast<size_t>(width * height), 90)};
}

class TinyLibrary : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_tiny_folder(folder_.path(), {kPoint}, always_point); }
  testing::TemporaryFolder folder_;
};

TEST_F(TinyLibrary, PointsLieInThePictureOfTheirPrompt) {
  const Model model(folder_.path(), {.device = "cpu"});
  const std::vector<Prompt> prompts = {{.text = "dogs", .images = {grey_image(40, 20)}},
                                       {.text = "dogs", .images = {grey_image(8, 16)}},
                                       {.text = "dogs", .images = {}}};
  const std::vector<Answer> answers = model.generate(prompts, {.max_new_tokens = 4});
  ASSERT_EQ(answers.size(), 3u);
  for (const Answer& answer : answers) {
    EXPECT_EQ(answer.text, kPoint);
    EXPECT_EQ(answer.finish_reason, FinishReason::kStop);
  }
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(answers[i].points.size(), 1u);
    EXPECT_DOUBLE_EQ(answers[i].points[0].x, 0.5 * prompts[i].images[0].width);
    EXPECT_DOUBLE_EQ(answers[i].points[0].y, 0.25 * prompts[i].images[0].height);
    EXPECT_DOUBLE_EQ(answers[i].points[0].x_percent, 50.0);
    EXPECT_DOUBLE_EQ(answers[i].points[0].y_percent, 25.0);
  }
  EXPECT_TRUE(answers[2].points.empty());
}

TEST_F(TinyLibrary, AnswersSayWhyTheyEnded) {
  const Model model(folder_.path(), {.device = "cpu"});
  const auto reason = [&](const GenerateOptions& options) {
    return std::string(name_of(model.generate({.text = "dogs", .images = {}}, options).finish_reason));
  };
  EXPECT_EQ(reason({.max_new_tokens = 2}), "stop");
  EXPECT_EQ(reason({.max_new_tokens = 1}), "length");
  EXPECT_EQ(reason({.max_new_tokens = 4, .stop = {"50"}}), "stop_text");
  EXPECT_EQ(reason({.max_new_tokens = 2, .num_beams = 2}), "stop");
  EXPECT_EQ(model.generate({.text = "dogs", .images = {}}, {.max_new_tokens = 4, .stop = {"50"}}).text, "(");
}

TEST_F(TinyLibrary, StylesThatNoModelKnowsAreRefused) {
  const Model model(folder_.path(), {.device = "cpu"});
  EXPECT_THROW(model.generate({.text = "dogs", .images = {}, .style = "nonsense"}), Error);
  EXPECT_EQ(prompt_styles().front(), "demo");
}

TEST_F(TinyLibrary, APromptHasAllItsPictures) {
  const Model model(folder_.path(), {.device = "cpu"});
  const auto num_image_tokens = [&](const std::vector<Image>& images) {
    return model.generate({.text = "dogs", .images = images}, {.max_new_tokens = 1}).num_image_tokens;
  };
  const Image small = grey_image(8, 8), wide = grey_image(32, 8);
  const int64_t of_small = num_image_tokens({small}), of_wide = num_image_tokens({wide});
  ASSERT_NE(of_small, of_wide);
  EXPECT_EQ(num_image_tokens({small, wide}), of_small + of_wide);
  EXPECT_EQ(num_image_tokens({wide, small, small}), of_wide + 2 * of_small);
}

}  // namespace
}  // namespace molmo
