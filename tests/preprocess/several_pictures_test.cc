// Several pictures in one prompt: each is cut as it would be alone, and its tokens are fed where it stands.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "molmo/error.h"
#include "preprocess/processor.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::preprocess {
namespace {

// The picture of a number: sizes and colours differ, so that patches do.
image::Picture numbered_picture(int number) {
  image::Picture picture(120 + 90 * number, 200 - 40 * number);
  for (size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<uint8_t>((i * static_cast<size_t>(7 + number)) % 251);
  return picture;
}

Processor small_processor(SpecialText special_text = SpecialText::kTokens) {
  config::PreprocessConfig preprocess;
  preprocess.image_height = preprocess.image_width = 112;
  preprocess.max_crops = 4;
  preprocess.overlap_margins = {2, 2};
  const config::TokenizerConfig tokenizer{.file = "qwen3.tokenizer.json.gz"};
  return {preprocess, config::AnnotationWeighting::kNone,
          text::load_tokenizer(testing::data_directory() / "tokenizers", tokenizer), special_text};
}

// What stands at each place that a pooled cell is fed to: picture and cell, each place once.
std::map<int64_t, std::pair<size_t, size_t>> fed_places(const Example& example) {
  std::map<int64_t, std::pair<size_t, size_t>> fed;
  for (size_t k = 0; k < example.images.size(); ++k) {
    const std::vector<int64_t>& positions = example.images[k].token_positions;
    for (size_t cell = 0; cell < positions.size(); ++cell) {
      if (positions[cell] < 0) continue;
      EXPECT_TRUE(fed.try_emplace(positions[cell], k, cell).second) << positions[cell];
    }
  }
  return fed;
}

// Every image token is fed by one cell, pictures in their order, and each picture's crops are those it has alone.
void expect_pictures_in_order(const Processor& processor, const std::string& prompt, int num_pictures) {
  std::vector<image::Picture> pictures;
  for (int k = 0; k < num_pictures; ++k) pictures.push_back(numbered_picture(k));
  const std::vector<Conversation> conversations = {{prompt}};
  const Example example = processor(pictures, conversations);
  const auto fed = fed_places(example);
  size_t num_tokens = 0, last_picture = 0;
  for (size_t at = 0; at < example.input_tokens.size(); ++at) {
    if (example.input_tokens[at] != processor.tokenizer().special.im_patch) continue;
    ++num_tokens;
    const auto found = fed.find(static_cast<int64_t>(at));
    ASSERT_NE(found, fed.end()) << at;
    EXPECT_GE(found->second.first, last_picture);
    last_picture = found->second.first;
  }
  EXPECT_EQ(fed.size(), num_tokens);
  ASSERT_EQ(example.images.size(), pictures.size());
  for (size_t k = 0; k < pictures.size(); ++k) {
    const std::vector<Conversation> short_prompt = {{" User: a Assistant:"}};
    const Example alone = processor(std::span(pictures).subspan(k, 1), short_prompt);
    EXPECT_TRUE(example.images[k].patches == alone.images[0].patches);
    EXPECT_TRUE(example.images[k].masks == alone.images[0].masks);
    EXPECT_EQ(example.images[k].tokens, alone.images[0].tokens);
  }
}

TEST(SeveralPictures, StandInFrontOfTheText) {
  const Processor processor = small_processor();
  for (const int count : {1, 2, 3}) expect_pictures_in_order(processor, " User: compare these. Assistant:", count);
}

TEST(SeveralPictures, StandWhereTheTextHasThem) {
  const Processor processor = small_processor();
  expect_pictures_in_order(processor, " User: is <|image|> the same as <|image|> ? Assistant:", 2);
  std::string long_text;
  for (int i = 0; i < 60; ++i) long_text += fmt::format(" word{}", i);
  // Beyond 100 tokens, where the reference takes discarded cells for places (trap T42).
  expect_pictures_in_order(processor, " User:" + long_text + " <|image|>" + long_text + " <|image|> . Assistant:", 2);
}

TEST(SeveralPictures, AreAsManyAsTheirPlaceholders) {
  const Processor processor = small_processor();
  const std::vector<image::Picture> pictures = {numbered_picture(0), numbered_picture(1)};
  const std::vector<Conversation> conversations = {{" User: <|image|> Assistant:"}};
  try {
    processor(pictures, conversations);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[preprocess] <|image|> placeholders, got 1 for 2 pictures, expected one each");
  }
}

TEST(SeveralPictures, ConversationsHaveABound) {
  const Processor processor = small_processor();
  const std::vector<image::Picture> pictures = {numbered_picture(0)};
  const std::vector<Conversation> many(10000, Conversation{" a", " b"});
  EXPECT_EQ(testing::error_of([&] { processor(pictures, many); }),
            "[preprocess] messages, got 10000 conversations, expected fewer than 10000");
}

// By default no text moves a picture or becomes a special token.
TEST(SpecialText, StaysText) {
  const Processor processor = small_processor(SpecialText::kText);
  const auto& [tokenizer, special] = processor.tokenizer();
  const std::vector<image::Picture> pictures = {numbered_picture(0)};
  for (const std::string text : {"<|image|>", "a <|image|> b <|image|>", "<im_patch><im_start><im_col><im_end>",
                                 "<|endoftext|>", "<|im_start|>"}) {
    const std::vector<Conversation> conversations = {{" User: " + text + " Assistant:", " " + text}};
    const Example example = processor(pictures, conversations);
    const auto count = [&](int64_t id) {
      return std::count(example.target_tokens.begin(), example.target_tokens.end(), id);
    };
    EXPECT_EQ(count(special.image), 0) << text;
    EXPECT_EQ(count(special.im_start), 2) << text;  // of the picture
    EXPECT_EQ(count(special.eos), 1) << text;       // after the answer
    EXPECT_EQ(example.target_tokens[0], special.im_start) << text;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode_text(text)), text);
    EXPECT_TRUE(text.find(tokenizer->find_special(text)) != text.npos && !tokenizer->find_special(text).empty());
  }
  EXPECT_EQ(tokenizer->find_special("<im_patch"), "");
}

}  // namespace
}  // namespace molmo::preprocess
