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

void expect_grey(const FloatPicture& picture, int width, int height, float value) {
  EXPECT_EQ(picture.width, width);
  EXPECT_EQ(picture.height, height);
  ASSERT_EQ(picture.pixels.size(), size_t{3} * width * height);
  const auto [least, most] = std::ranges::minmax(picture.pixels);
  EXPECT_NEAR(least, value, 1e-6f);
  EXPECT_NEAR(most, value, 1e-6f);
}

void expect_grey_survives(int from_width, int from_height, int width, int height) {
  const Picture picture = grey_picture(from_width, from_height, 51);
  expect_grey(resize_bilinear_antialias(picture, width, height), width, height, 0.2f);
  expect_grey(resize_bicubic_antialias(picture, width, height), width, height, 0.2f);
  expect_grey(resize_bilinear_plain(picture, width, height), width, height, 0.2f);
}

TEST(Resize, EnlargesOnePixel) { expect_grey_survives(1, 1, 56, 42); }
TEST(Resize, ShrinksALongPicture) { expect_grey_survives(20000, 10, 56, 56); }
TEST(Resize, ShrinksATallPicture) { expect_grey_survives(10, 20000, 56, 56); }
TEST(Resize, ShrinksToOnePixel) { expect_grey_survives(300, 200, 1, 1); }

TEST(Resize, FitsALongPictureOrSaysWhyNot) {
  const Content content = fit_content(2000, 10, 336, 336);
  EXPECT_EQ(content.width, 336);
  EXPECT_EQ(content.height, 1);
  EXPECT_THROW(fit_content(20000, 10, 336, 336), Error);
}

}  // namespace
}  // namespace molmo::image
