// Invariants that hold for any picture, beside the golden cases.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "molmo/error.h"
#include "preprocess/crops.h"
#include "preprocess/tiling.h"

namespace molmo::preprocess {
namespace {

const text::SpecialTokens kSpecial{
    .im_start = 100, .im_end = 101, .im_patch = 102, .im_col = 103, .image = 104, .bos = 1, .eos = 2};

config::PreprocessConfig small_config() {
  config::PreprocessConfig config;
  config.image_height = config.image_width = 112;
  config.max_crops = 6;
  config.overlap_margins = {2, 2};
  return config;
}

TEST(Tiling, WideImageUsesOneRow) {
  const Tiling tiling = tiling_of(2000, 100, small_config());
  EXPECT_EQ(tiling.rows, 1);
  EXPECT_GT(tiling.columns, 1);
}

TEST(Tiling, NeverExceedsTheLimit) {
  const config::PreprocessConfig config = small_config();
  for (int width = 1; width < 4000; width += 97) {
    for (int height = 1; height < 4000; height += 131)
      EXPECT_LE(tiling_of(width, height, config).num_tiles(), config.max_crops);
  }
}

// Every image token of the sequence is fed by exactly one pooled cell.
void expect_every_token_fed_once(int width, int height, const config::PreprocessConfig& config) {
  const ImageInputs inputs = make_image_inputs(image::Picture(width, height), config, kSpecial);
  std::multiset<int64_t> fed;
  for (const int64_t position : inputs.token_positions) {
    if (position >= 0) fed.insert(position);
  }
  std::multiset<int64_t> wanted;
  for (size_t i = 0; i < inputs.tokens.size(); ++i) {
    if (inputs.tokens[i] == kSpecial.im_patch) wanted.insert(static_cast<int64_t>(i));
  }
  EXPECT_EQ(fed, wanted) << width << "x" << height;
  EXPECT_EQ(inputs.patches.size(), static_cast<size_t>(inputs.num_crops) * inputs.num_patches * inputs.patch_values);
  EXPECT_EQ(cell_places(width, height, config).size(), static_cast<size_t>(inputs.num_crops) * inputs.num_cells);
}

TEST(Crops, EveryImageTokenIsFedOnce) {
  for (const auto& [width, height] :
       {std::pair(1, 1), std::pair(640, 480), std::pair(30, 900), std::pair(1200, 40), std::pair(336, 336)}) {
    expect_every_token_fed_once(width, height, small_config());
  }
  config::PreprocessConfig whole = small_config();
  whole.crop_mode = config::CropMode::kResize;
  expect_every_token_fed_once(640, 480, whole);
}

TEST(Crops, PlacesLieInsideThePicture) {
  for (const CellPlace& place : cell_places(300, 200, small_config())) {
    if (std::isnan(place.x)) continue;
    EXPECT_GE(place.x, 0);
    EXPECT_LT(place.x, 300);
    EXPECT_GE(place.y, 0);
    EXPECT_LT(place.y, 200);
  }
}

// A picture of the very canvas of 2x3 tiles: crops of 112 pixels every 56, and cells of 28.
TEST(Crops, PlacesOfTilesGoRowByRow) {
  const config::PreprocessConfig config = small_config();
  const Tiling tiling = tiling_of(224, 168, config);
  ASSERT_EQ(tiling.rows, 2);
  ASSERT_EQ(tiling.columns, 3);
  const std::vector<CellPlace> places = cell_places(224, 168, config);
  const size_t num_cells = 16;
  ASSERT_EQ(places.size(), 7 * num_cells);
  for (size_t tile = 0; tile < 6; ++tile) {
    const float left = 56.0f * static_cast<float>(tile % 3), top = 56.0f * static_cast<float>(tile / 3);
    const CellPlace& first = places[(1 + tile) * num_cells];
    EXPECT_EQ(first.left, left) << tile;
    EXPECT_EQ(first.top, top) << tile;
    EXPECT_EQ(first.x, left + 14) << tile;
    EXPECT_EQ(first.y, top + 14) << tile;
    EXPECT_EQ(places[(1 + tile) * num_cells + 6].x, left + 2 * 28 + 14) << tile;  // the third cell of the second row
    EXPECT_EQ(places[(1 + tile) * num_cells + 6].y, top + 28 + 14) << tile;
  }
}

TEST(Crops, OddCropSizeIsRefused) {
  config::PreprocessConfig config = small_config();
  config.image_height = config.image_width = 113;
  try {
    make_image_inputs(image::Picture(10, 10), config, kSpecial);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[preprocess] crop size, got 113x113, expected multiples of patch_size = 14");
  }
}

}  // namespace
}  // namespace molmo::preprocess
