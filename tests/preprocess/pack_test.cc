// SPDX-License-Identifier: Apache-2.0
#include "preprocess/pack.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "preprocess/collate.h"

namespace molmo::preprocess {
namespace {

// `length` tokens, a picture of `crops` crops of two cells at 1 and 2 of the first crop.
Example example_of(int64_t number, int64_t length, int crops) {
  Example example;
  example.number = number;
  for (int64_t i = 0; i < length; ++i) {
    example.input_tokens.push_back(100 * number + i);
    example.target_tokens.push_back(100 * number + i + 1);
    example.loss_masks.push_back(1.0f);
    example.position_ids.push_back(i);
  }
  ImageInputs image;
  image.num_crops = crops, image.num_patches = 1, image.patch_values = 1, image.num_cells = 2;
  image.patches.assign(static_cast<size_t>(crops), static_cast<float>(number));
  image.token_positions.assign(static_cast<size_t>(2 * crops), -100);
  image.token_positions[0] = 1, image.token_positions[1] = 2;
  example.images.push_back(image);
  return example;
}

TEST(Pack, PutsExamplesBehindEachOther) {
  Example second = example_of(2, 4, 1);
  second.subsegment_ids = {10000, 10000, 0, 1};
  const Example packed = pack({example_of(1, 3, 2), second});
  EXPECT_EQ(packed.input_tokens, (std::vector<int64_t>{100, 101, 102, 200, 201, 202, 203}));
  EXPECT_EQ(packed.position_ids, (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 3}));
  EXPECT_EQ(packed.subsegment_ids, (std::vector<int64_t>{0, 0, 0, 30000, 30000, 20000, 20001}));
  ASSERT_EQ(packed.images.size(), 2u);
  EXPECT_EQ(packed.images[1].token_positions, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(packed.images[1].stream, first_stream(second));
  const std::vector<int64_t> streams = token_streams(second);
  EXPECT_TRUE(std::equal(streams.begin(), streams.end(), packed.streams.begin() + 3));
}

TEST(Pack, CutExamplesFeedNobodyElse) {
  Example first = example_of(1, 5, 1);
  cut(first, 2);  // its second cell's place is gone
  const Example packed = pack({first, example_of(2, 3, 1)});
  EXPECT_EQ(packed.input_tokens.size(), 5u);
  EXPECT_EQ(packed.images[0].token_positions, (std::vector<int64_t>{1, -100}));
  EXPECT_EQ(packed.images[1].token_positions, (std::vector<int64_t>{3, 4}));
}

// Dropout draws by these numbers: no two places of a batch share one, and an example has its own in any company.
TEST(Streams, AreAnExamplesOwn) {
  std::vector<Example> examples;
  for (const int64_t number : {4, 5, 6}) {
    examples.push_back(example_of(number, 700, 3));
    examples.back().images.push_back(examples.back().images.front());  // two pictures of three crops
  }
  const CollateOptions options{.sequence_length = 4096, .pad_to_max = false};
  const Batch padded = collate(examples, options);
  const Example row = pack(examples);
  const Batch packed = collate(std::span(&row, 1), options);
  std::vector<int64_t> tokens, crops;
  for (const Example& example : examples) {
    const Batch alone = collate(std::span(&example, 1), options);
    tokens.insert(tokens.end(), alone.token_streams.begin(), alone.token_streams.end());
    crops.insert(crops.end(), alone.crop_streams.begin(), alone.crop_streams.end());
  }
  EXPECT_EQ(std::set<int64_t>(tokens.begin(), tokens.end()).size(), 3u * 700u);
  EXPECT_EQ(std::set<int64_t>(crops.begin(), crops.end()).size(), 3u * 2u * 3u);
  for (const Batch& batch : {padded, packed}) {
    EXPECT_EQ(batch.token_streams, tokens);
    EXPECT_EQ(batch.crop_streams, crops);
  }
}

TEST(PlanRows, KeepsTheLimitsAndLosesNobody) {
  RandomState random(3);
  std::vector<RowSize> sizes;
  for (int i = 0; i < 300; ++i) sizes.push_back({random.randint(50, 1500), random.randint(1, 14)});
  sizes.push_back({9000, 1});  // beyond the limits by itself
  const RowSize limits{4096, 40};
  std::vector<int> seen(sizes.size(), 0);
  double tokens = 0.0, crops = 0.0;
  const auto rows = plan_rows(sizes, limits);
  for (const std::vector<size_t>& row : rows) {
    RowSize total;
    for (const size_t index : row) {
      ++seen[index];
      total.tokens += sizes[index].tokens, total.crops += sizes[index].crops;
    }
    EXPECT_TRUE(row.size() == 1 || (total.tokens <= limits.tokens && total.crops <= limits.crops));
    tokens += static_cast<double>(std::min(total.tokens, limits.tokens)), crops += static_cast<double>(total.crops);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<ptrdiff_t>(seen.size()));
  const double room = static_cast<double>(rows.size());
  EXPECT_GT(std::max(tokens / (room * 4096), crops / (room * 40)), 0.93);
}

}  // namespace
}  // namespace molmo::preprocess
