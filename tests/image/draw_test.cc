// Marks change the picture only where they are, and nothing outside of it.
// SPDX-License-Identifier: Apache-2.0
#include "image/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace molmo::image {
namespace {

TEST(Draw, LeavesAPictureWithoutPointsAlone) {
  const Picture picture(30, 20);
  EXPECT_EQ(draw_points(picture, {}), picture);
}

TEST(Draw, MarksAPoint) {
  const PointGroup group{.label = "", .points = {{.x = 50.0, .y = 30.0}}};
  const Picture drawn = draw_points(Picture(100, 60), {&group, 1});
  ASSERT_EQ(drawn.height, 60) << "a strip without a label";
  const uint8_t* middle = drawn.row(30) + 3 * 50;
  EXPECT_EQ((std::vector<int>{middle[0], middle[1], middle[2]}), (std::vector<int>{230, 25, 110}));  // the first colour
  int left = 100, right = -1, top = 60, bottom = -1;
  for (int y = 0; y < 60; ++y) {
    for (int x = 0; x < 100; ++x) {
      const uint8_t* pixel = drawn.row(y) + 3 * x;
      if (pixel[0] + pixel[1] + pixel[2] == 0) continue;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = std::max(bottom, y);
    }
  }
  EXPECT_NEAR(0.5 * (left + right), 50, 0.5);
  EXPECT_NEAR(0.5 * (top + bottom), 30, 0.5);
  EXPECT_LE(right - left, 12) << "all else stays as it was";
}

Picture drawn_with_label(const std::string& label, int width = 300) {
  const PointGroup group{.label = label, .points = {}};
  return draw_points(Picture(width, 60), {&group, 1});
}

TEST(Draw, LabelsHaveNoQuestionMarksForLettersThatTheFontLacks) {
  EXPECT_NE(drawn_with_label("cafe"), Picture(300, 60));
  EXPECT_EQ(drawn_with_label("caf\u00e9"), drawn_with_label("cafe"));
  EXPECT_EQ(drawn_with_label("the dog\u2019s"), drawn_with_label("the dog's"));
  EXPECT_EQ(drawn_with_label("two\nlines"), drawn_with_label("two lines"));
  for (const char* other : {"\u65e5\u672c", "cat \U0001F600", "", " "})
    EXPECT_EQ(drawn_with_label(other), Picture(300, 60)) << other;
}

TEST(Draw, LongLabelsEndInDots) {
  const std::string text = "Point to all of the dogs that are asleep on the sofa in the living room, please.";
  const Picture whole = drawn_with_label(text, 2000), cut = drawn_with_label(text);
  EXPECT_NE(cut, Picture(300, 60));
  // Not cut off at the border.
  for (int y = 61; y < cut.height; ++y)
    EXPECT_TRUE(std::equal(cut.row(y) + 3 * 299, cut.row(y) + 3 * 300, cut.row(60)));
  EXPECT_NE(whole.pixels, cut.pixels);
  EXPECT_EQ(drawn_with_label(text, 3), Picture(3, 60));
}

TEST(Draw, TheLegendCoversNothingOfThePicture) {
  for (const int width : {40, 100, 640}) {
    const Picture drawn = drawn_with_label("dogs", width), blank(width, 60);
    EXPECT_EQ(drawn.width, width);
    EXPECT_GT(drawn.height, 60);
    ASSERT_EQ(drawn.pixels.size(), size_t{3} * static_cast<size_t>(width * drawn.height));
    EXPECT_TRUE(std::equal(blank.pixels.begin(), blank.pixels.end(), drawn.pixels.begin()));
  }
}

TEST(Draw, GroupsHaveColoursOfTheirOwn) {
  const PointGroup groups[] = {{.label = "", .points = {{.x = 20.0, .y = 30.0}}},
                               {.label = "", .points = {{.x = 70.0, .y = 30.0}}}};
  const Picture drawn = draw_points(Picture(100, 60), groups);
  const auto pixel = [&](int x) { return std::vector<uint8_t>(drawn.row(30) + 3 * x, drawn.row(30) + 3 * x + 3); };
  EXPECT_NE(pixel(20), pixel(70));
  EXPECT_NE(pixel(20), (std::vector<uint8_t>{0, 0, 0}));
}

// Under the sanitizers this also shows that nothing is written beyond the pixels.
TEST(Draw, StaysInsideThePicture) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{3, 200}, std::pair{640, 7}}) {
    const double right = width, bottom = height;
    PointGroup group{.label = "a label that is longer than the picture",
                     .points = {{0, 0},
                                {right, bottom},
                                {-5, bottom / 2},
                                {right + 1e6, -1e6},
                                {1e300, 3},
                                {kInfinity, 1},
                                {std::nan(""), 1}}};
    PointGroup truth = group;
    truth.is_truth = true;
    const PointGroup groups[] = {group, truth};
    const Picture drawn = draw_points(Picture(width, height), groups);
    EXPECT_EQ(drawn.width, width);
    EXPECT_GE(drawn.height, height);
    EXPECT_EQ(drawn.pixels.size(), size_t{3} * width * drawn.height);
  }
}

}  // namespace
}  // namespace molmo::image
