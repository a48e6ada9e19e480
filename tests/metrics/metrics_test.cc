// Edges that the golden lines do not show.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "metrics/assignment.h"
#include "metrics/cap_f1.h"
#include "metrics/intervals.h"
#include "metrics/pointing.h"

namespace molmo::metrics {
namespace {

TEST(PointF1, OnePointCannotServeTwoBoxes) {
  const Box boxes[] = {{0, 0, 10, 10}, {0, 0, 10, 10}};
  const Point once[] = {{5, 5}};
  const Point twice[] = {{5, 5}, {6, 6}};
  EXPECT_DOUBLE_EQ(point_f1(once, boxes).f1, 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(point_f1(twice, boxes).f1, 1.0);
}

TEST(PointF1, AssignmentPrefersHitsToNearness) {
  // The first point is nearer to the second box's middle, but only the crossing assignment hits both.
  const Box boxes[] = {{0, 0, 100, 10}, {90, 0, 110, 10}};
  const Point points[] = {{95, 5}, {5, 5}};
  EXPECT_DOUBLE_EQ(point_f1(points, boxes).f1, 1.0);
}

TEST(PointF1, NothingToFindWantsNothing) {
  const Point point[] = {{5, 5}};
  EXPECT_EQ(point_f1({}, {}).f1, 1.0);
  EXPECT_EQ(point_f1(point, {}).f1, 0.0);
}

TEST(BoxIou, IsSymmetricAndZeroForTurnedCorners) {
  const Box a{0, 0, 10, 10}, b{5, 5, 15, 15}, turned{10, 10, 0, 0};
  EXPECT_DOUBLE_EQ(box_iou(a, b), box_iou(b, a));
  EXPECT_NEAR(box_iou(a, b), 25.0 / 175.0, 1e-6);
  EXPECT_EQ(box_iou(turned, turned), 0.0);
}

TEST(CaptionWordF1, CountsContentWordsOnce) {
  EXPECT_DOUBLE_EQ(caption_word_f1("The red dog", "a RED dog"), 1.0);
  EXPECT_DOUBLE_EQ(caption_word_f1("dog dog dog", "dog"), 0.5);
  EXPECT_EQ(caption_word_f1("", "dog"), 0.0);
  EXPECT_EQ(caption_word_f1("the", "a"), 1.0);
}

TEST(BootstrapInterval, HoldsTheMeanAndShrinksWithTheSample) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(i % 4 == 0 ? 1.0 : 0.0);
  const Interval wide = bootstrap_mean_interval(std::span(values).first(40), 0.95, 1000, 1);
  const Interval narrow = bootstrap_mean_interval(values, 0.95, 1000, 1);
  EXPECT_LT(narrow.low, 0.25);
  EXPECT_GT(narrow.high, 0.25);
  EXPECT_LT(narrow.high - narrow.low, wide.high - wide.low);
}

}  // namespace
}  // namespace molmo::metrics
