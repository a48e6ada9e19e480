// Extreme sizes; the golden cases hold the values.
// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "molmo/error.h"

namespace molmo::image {
namespace {

Picture grey_picture(int width, int height, uint8_t value) {
  Picture picture(width, height);
  std::ranges::fill(picture.pixels, value);
  return picture;
}

std::vector<float> all_rows(Resizer resizer) {
  const size_t row_size = size_t{3} * resizer.width();
  std::vector<float> pixels(row_size * resizer.height(), -1.0f);
  for (int y = 0; y < resizer.height(); ++y) resizer.next_row(pixels.data() + row_size * y);
  return pixels;
}

void expect_grey_survives(int from_width, int from_height, int width, int height) {
  const Picture picture = grey_picture(from_width, from_height, 51);
  for (const config::ResizeKind kind :
       {config::ResizeKind::kDino, config::ResizeKind::kMetaclip, config::ResizeKind::kSiglip}) {
    const std::vector<float> pixels = all_rows(Resizer(picture, width, height, kind, 0.5f));
    const auto [least, most] = std::ranges::minmax(pixels);
    EXPECT_NEAR(least, 0.2f, 1e-6f);
    EXPECT_NEAR(most, 0.2f, 1e-6f);
  }
}

TEST(Resize, EnlargesOnePixel) { expect_grey_survives(1, 1, 56, 42); }
TEST(Resize, ShrinksALongPicture) { expect_grey_survives(20000, 10, 56, 56); }
TEST(Resize, ShrinksATallPicture) { expect_grey_survives(10, 20000, 56, 56); }
TEST(Resize, ShrinksToOnePixel) { expect_grey_survives(300, 200, 1, 1); }

TEST(Resize, FittedPicturesArePadded) {
  const Picture picture = grey_picture(60, 30, 51);
  Resizer resizer(picture, 28, 28, config::ResizeKind::kFitAndPad, 0.5f);
  EXPECT_EQ(resizer.content(), (Content{7, 0, 14, 28}));
  const std::vector<float> pixels = all_rows(resizer);
  for (int y = 0; y < 28; ++y) {
    const float expected = y < 7 || y >= 21 ? 0.5f : 0.2f;
    for (int i = 0; i < 84; ++i) ASSERT_NEAR(pixels[static_cast<size_t>(84 * y + i)], expected, 1e-6f) << y;
  }
}

// Rows are filtered in blocks of eight: any number of them, and any row, must be what it is in a picture of its own.
TEST(Resize, RowsDoNotDependOnTheirNeighboursInABlock) {
  for (const int height : {1, 7, 8, 9, 23}) {
    Picture picture(37, height);
    for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 31 + i / 7);
    const std::vector<float> pixels = all_rows(Resizer(picture, 20, height, config::ResizeKind::kDino, 0.0f));
    for (int y = 0; y < height; ++y) {
      Picture one(37, 1);
      std::copy_n(picture.row(y), 3 * 37, one.pixels.data());
      const std::vector<float> alone = all_rows(Resizer(one, 20, 1, config::ResizeKind::kDino, 0.0f));
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), pixels.begin() + 60 * y)) << y << " of " << height;
    }
  }
}

TEST(Resize, FitsALongPictureOrSaysWhyNot) {
  const Content content = fit_content(2000, 10, 336, 336);
  EXPECT_EQ(content.width, 336);
  EXPECT_EQ(content.height, 1);
  EXPECT_THROW(fit_content(20000, 10, 336, 336), Error);
}

}  // namespace
}  // namespace molmo::image
