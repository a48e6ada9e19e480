// SPDX-License-Identifier: Apache-2.0
#include "preprocess/image_tokens.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "preprocess/crops.h"

namespace molmo::preprocess {
namespace {

// No picture has more tokens or crops, and one has as many.
void expect_most(const config::PreprocessConfig& config) {
  int tokens = 0, crops = 0;
  const int side = config.image_width;
  for (int rows = 1; rows <= config.max_crops; ++rows) {
    for (int columns = 1; rows * columns <= config.max_crops; ++columns) {
      const ImageInputs inputs = make_image_inputs(image::Picture(columns * side, rows * side), config, {});
      tokens = std::max(tokens, static_cast<int>(inputs.tokens.size()));
      crops = std::max(crops, inputs.num_crops);
    }
  }
  EXPECT_EQ(most_image_tokens(config), tokens);
  EXPECT_EQ(most_crops(config), crops);
}

TEST(ImageTokens, AreThoseOfTheLargestTiling) {
  config::PreprocessConfig config;
  config.image_height = config.image_width = 56;
  config.overlap_margins = {0, 0};
  for (const int max_crops : {1, 2, 5, 6}) {
    for (const bool use_col_tokens : {false, true}) {
      config.max_crops = max_crops;
      config.use_col_tokens = use_col_tokens;
      expect_most(config);
    }
  }
  config.crop_mode = config::CropMode::kResize;
  expect_most(config);
}

TEST(ImageTokens, TheReleasedModelsHaveThirteenCrops) {
  const config::PreprocessConfig config;
  EXPECT_EQ(most_crops(config), 13);
  EXPECT_EQ(most_image_tokens(config), 1460);
}

}  // namespace
}  // namespace molmo::preprocess
