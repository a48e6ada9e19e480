// SPDX-License-Identifier: Apache-2.0
#include "synth/canvas.h"

#include <gtest/gtest.h>

#include <fstream>

#include "molmo/error.h"
#include "synth/clock.h"
#include "synth/png_rgba.h"
#include "synth/shapes.h"

namespace molmo::synth {
namespace {

// A red block: opaque, premultiplied.
RgbaPicture block(int width, int height) {
  RgbaPicture picture(width, height);
  for (size_t i = 0; i < picture.pixels.size(); i += 4) picture.pixels[i] = picture.pixels[i + 3] = 255;
  return picture;
}

const Kind& find_kind(const std::vector<Kind>& kinds, const std::string& name) {
  return *std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.name == name; });
}

TEST(Canvas, BoxIsExactAndExcludesItsLastEdge) {
  Canvas canvas(image::Picture(40, 30));
  ASSERT_TRUE(canvas.try_place(block(8, 6), 10, 5, 0.9));
  const VisibleRegion region = canvas.find_visible_region(0);
  EXPECT_EQ(region.box, (std::array<int, 4>{10, 5, 18, 11}));
  EXPECT_EQ(region.num_pixels, 48);
  EXPECT_EQ(canvas.picture().row(5)[10 * 3], 255);
  EXPECT_EQ(canvas.picture().row(5)[9 * 3], 0);
}

TEST(Canvas, CoveredPartsAreNeitherBoxedNorPointedAt) {
  Canvas canvas(image::Picture(40, 30));
  ASSERT_TRUE(canvas.try_place(block(20, 10), 0, 0, 0.5));
  ASSERT_TRUE(canvas.try_place(block(8, 10), 12, 0, 0.5));
  const VisibleRegion first = canvas.find_visible_region(0);
  EXPECT_EQ(first.box, (std::array<int, 4>{0, 0, 12, 10}));
  EXPECT_LT(first.point[0], 12);
}

TEST(Canvas, RefusesToHideAnEarlierObjectOrToLeaveThePicture) {
  Canvas canvas(image::Picture(40, 30));
  ASSERT_TRUE(canvas.try_place(block(10, 10), 0, 0, 0.5));
  EXPECT_FALSE(canvas.try_place(block(10, 10), 2, 0, 0.5));
  EXPECT_FALSE(canvas.try_place(block(10, 10), 31, 0, 0.5));
  EXPECT_FALSE(canvas.try_place(block(10, 10), -1, 0, 0.5));
  EXPECT_TRUE(canvas.try_place(block(10, 10), 5, 0, 0.5));
  // What is covered adds up over several objects.
  EXPECT_FALSE(canvas.try_place(block(5, 5), 0, 0, 0.5));
}

TEST(Canvas, KeepsAllEarlierObjectsVisible) {
  Canvas canvas(image::Picture(60, 30));
  for (const int x : {0, 20, 40}) ASSERT_TRUE(canvas.try_place(block(10, 10), x, 0, 0.5));
  for (const int x : {0, 20, 40}) EXPECT_FALSE(canvas.try_place(block(10, 10), x + 1, 0, 0.5)) << x;
}

TEST(Canvas, PointOfARingLiesOnTheRing) {
  const std::vector<Kind> kinds = draw_shape_kinds();
  Canvas canvas(image::Picture(200, 200));
  const RgbaPicture ring = render_sprite(find_kind(kinds, "ring").sprites[0], {.longer_side = 100});
  ASSERT_TRUE(canvas.try_place(ring, 50, 50, 1));
  const VisibleRegion region = canvas.find_visible_region(0);
  EXPECT_GT(ring.at(region.point[1] - 50, region.point[0] - 50)[3], 128);
  EXPECT_LT(ring.at(ring.height / 2, ring.width / 2)[3], 10);
}

TEST(RenderSprite, SideIsAsAskedAtEveryScale) {
  const std::vector<Kind> kinds = draw_shape_kinds();
  const Sprite& square = find_kind(kinds, "square").sprites[0];
  for (const double side : {12.0, 50.0, 130.0, 400.0}) {
    const RgbaPicture picture = render_sprite(square, {.longer_side = side});
    EXPECT_NEAR(picture.width, side, 3) << side;
    EXPECT_NEAR(picture.height, side, 3) << side;
  }
}

TEST(RenderSprite, FlipMirrorsTheArrow) {
  const std::vector<Kind> kinds = draw_shape_kinds();
  const Sprite& arrow = find_kind(kinds, "arrow").sprites[0];
  const RgbaPicture plain = render_sprite(arrow, {.longer_side = 64});
  const RgbaPicture flipped = render_sprite(arrow, {.longer_side = 64, .is_flipped = true});
  ASSERT_EQ(plain.width, flipped.width);
  for (const int x : {5, 20, 40, 60}) EXPECT_NEAR(plain.at(12, x)[3], flipped.at(12, plain.width - 1 - x)[3], 40) << x;
  EXPECT_NE(plain.at(12, 34)[3] > 128, plain.at(12, 20)[3] > 128) << "the arrow's head and shaft differ";
}

TEST(Clock, TextHasTwoMinuteDigits) {
  EXPECT_EQ((DialTime{.hour = 8, .minute = 5}.text()), "8:05");
  EXPECT_EQ((DialTime{.hour = 12, .minute = 0}.text()), "12:00");
}

TEST(Clock, HandsPointAtTheTime) {
  RandomState random(3), again(3);
  const Sprite three = draw_clock({.hour = 3, .minute = 0}, random);
  const Sprite nine = draw_clock({.hour = 9, .minute = 0}, again);  // the same look
  const RgbaPicture &a = three.sizes.front(), &b = nine.sizes.front();
  const int middle = a.width / 2, reach = a.width / 5;
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(a.at(middle, middle + reach)[c], b.at(middle, middle - reach)[c]);
    EXPECT_EQ(a.at(middle, middle - reach)[c], b.at(middle, middle + reach)[c]);
  }
  EXPECT_NE(a.at(middle, middle + reach)[1], a.at(middle, middle - reach)[1]);
}

TEST(Clock, MinutesKeepToTheStep) {
  RandomState random(1);
  for (int i = 0; i < 50; ++i) {
    const DialTime time = draw_dial_time(15, random);
    EXPECT_EQ(time.minute % 15, 0);
    EXPECT_TRUE(time.hour >= 1 && time.hour <= 12);
  }
}

TEST(PngRgba, ErrorNamesTheFile) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "synth_no_png.png";
  std::ofstream(file) << "no picture";
  EXPECT_FALSE(has_png_alpha(file));
  try {
    read_png_rgba(file);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("synth_no_png.png"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("expected a PNG picture"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace molmo::synth
