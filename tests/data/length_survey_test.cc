// SPDX-License-Identifier: Apache-2.0
#include "data/length_survey.h"

#include <algorithm>

#include "data/loader_fixture.h"
#include "support/error_of.h"

namespace molmo::data {
namespace {

TEST_F(LoaderTest, SurveysItsFirstExamples) {
  const Loader loader = make({.global_batch_size = 2, .start_example = 6});
  const std::vector<MixtureItem> items = loader.first_items(100);
  ASSERT_EQ(items.size(), size_t{kNumPictures}) << "each once";
  EXPECT_EQ(loader.first_items(3), (std::vector<MixtureItem>{items[0], items[1], items[2]}));
  std::vector<int64_t> lengths;
  for (const MixtureItem& item : items) lengths.push_back(std::ssize(loader.maker()(item).example.input_tokens));
  std::sort(lengths.begin(), lengths.end());
  const LengthSurvey all = survey_lengths(loader.maker(), items, /*sequence_length=*/lengths[4], {.num_threads = 3});
  EXPECT_EQ(all.num_examples, kNumPictures);
  EXPECT_EQ(all.median, lengths[3]);
  EXPECT_EQ(all.longest, lengths[6]);
  EXPECT_EQ(all.num_cut, std::count_if(lengths.begin(), lengths.end(), [&](int64_t n) { return n > lengths[4]; }));
  const auto [tokens, answered] = [&] {
    const preprocess::Example example = loader.maker()(items[0]).example;
    const auto first =
        std::find_if(example.loss_masks.begin(), example.loss_masks.end(), [](float w) { return w > 0; });
    return std::pair(std::ssize(example.input_tokens), first - example.loss_masks.begin());
  }();
  const std::span<const MixtureItem> one(items.data(), 1);
  EXPECT_EQ(survey_lengths(loader.maker(), one, answered).num_unanswered, 1);
  EXPECT_EQ(survey_lengths(loader.maker(), one, answered + 1).num_unanswered, 0);
  EXPECT_EQ(survey_lengths(loader.maker(), one, tokens).num_cut, 0);
  EXPECT_EQ(survey_lengths(loader.maker(), items, 400, {.time = std::chrono::milliseconds(0)}).num_examples, 0);
}

TEST(LengthSurvey, RefusesWhereHalfOfTheExamplesLoseTheirAnswers) {
  LengthSurvey survey{.num_examples = 200,
                      .median = 187,
                      .percentile_95 = 301,
                      .longest = 412,
                      .median_image_tokens = 155,
                      .num_cut = 120,
                      .num_unanswered = 99};
  const std::string text =
      "[data] data.sequence_length = 180 cuts 120 of 200 examples (60 %), and leaves 99 of them without anything that "
      "the "
      "loss counts: they have 187 tokens (median), 301 (95 %), 412 (longest) in 200 examples, of which 155 (median) "
      "are "
      "the pictures'";
  EXPECT_EQ(judge_lengths(survey, 180), text);
  survey.num_unanswered = 100;
  EXPECT_TRUE(testing::error_of([&] {
                judge_lengths(survey, 180);
              }).ends_with("; expected room for the answers: at least 301"));
  survey.num_cut = survey.num_unanswered = 0;
  EXPECT_EQ(judge_lengths(survey, 180), "");
}

}  // namespace
}  // namespace molmo::data
