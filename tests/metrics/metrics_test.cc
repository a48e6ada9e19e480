// Edges that the golden lines do not show.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "metrics/assignment.h"
#include "metrics/average.h"
#include "metrics/cap_f1.h"
#include "metrics/intervals.h"
#include "metrics/multiple_choice.h"
#include "metrics/pointing.h"
#include "support/error_of.h"

namespace molmo::metrics {
namespace {

using geometry::Box;
using geometry::Point;

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

// Both boxes of the middle point have another; taking it for the first would leave the second without.
TEST(PointF1, PointsMoveOnToOtherBoxes) {
  const Box boxes[] = {{0, 0, 20, 10}, {10, 0, 30, 10}, {20, 0, 40, 10}};
  const Point points[] = {{15, 5}, {5, 5}, {25, 5}};
  EXPECT_DOUBLE_EQ(point_f1(points, boxes).f1, 1.0);
  EXPECT_EQ(point_f1(points, boxes).assignment.size(), 3u);
}

TEST(PointF1, AllFourEdgesOfABoxBelongToIt) {
  const Box box[] = {{10, 20, 30, 40}};
  for (const Point& point : {Point{10, 30}, Point{30, 30}, Point{20, 20}, Point{20, 40}, Point{30, 40}})
    EXPECT_EQ(point_f1({&point, 1}, box).f1, 1.0) << to_text(point);
  for (const Point& point : {Point{9.9, 30}, Point{30.1, 30}, Point{20, 19.9}, Point{20, 40.1}})
    EXPECT_EQ(point_f1({&point, 1}, box).f1, 0.0) << to_text(point);
}

TEST(PointF1, NothingToFindWantsNothing) {
  const Point point[] = {{5, 5}};
  EXPECT_EQ(point_f1({}, {}).f1, 1.0);
  EXPECT_EQ(point_f1(point, {}).f1, 0.0);
}

TEST(Assignment, TakesTheCheapestPairs) {
  const double costs[] = {4, 1, 3, 2, 0, 5, 3, 2, 2};
  using Pairs = std::vector<std::pair<size_t, size_t>>;
  EXPECT_EQ(assign_min_cost(costs, 3, 3), (Pairs{{0, 1}, {1, 0}, {2, 2}}));
  EXPECT_EQ(assign_min_cost(std::span(costs).first(6), 3, 2), (Pairs{{0, 1}, {2, 0}}));  // more rows than columns
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

// The mean of n independent values is nearly normal: its interval reaches 1.96 standard errors to either side.
TEST(BootstrapInterval, IsThatOfTheNormalApproximation) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(i % 4 == 0 ? 1.0 : 0.0);
  for (const double confidence : {0.5, 0.9, 0.95}) {
    const Interval interval = bootstrap_mean_interval(values, confidence, 4000, 1);
    const double reach = -normal_quantile(0.5 * (1.0 - confidence)) * std::sqrt(0.25 * 0.75 / 400);
    EXPECT_NEAR(interval.low, 0.25 - reach, 0.004) << confidence;
    EXPECT_NEAR(interval.high, 0.25 + reach, 0.004) << confidence;
  }
  const double one[] = {0.3};
  EXPECT_EQ(bootstrap_mean_interval(one, 0.95, 10, 1).low, 0.3);
}

TEST(BootstrapInterval, DrawsEveryValue) {
  for (const std::vector<double>& values : {std::vector<double>{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 1}})
    EXPECT_GE(bootstrap_mean_interval(values, 0.95, 1000, 3).high, 0.5);
}

TEST(SelectOption, RefusesOptionsThatAreTheSameText) {
  const std::vector<std::string> options = {"red", "blue", " Red"};
  EXPECT_EQ(molmo::testing::error_of([&] { select_option("red", options); }),
            "[multiple_choice] option ' Red' occurs twice, expected distinct options");
}

TEST(MeanOverProcesses, CountsEveryScoreOnce) {
  const std::vector<double> processes[] = {{1, 1, 1}, {0}, {}};
  EXPECT_DOUBLE_EQ(mean_over_processes(processes), 0.75);
}

}  // namespace
}  // namespace molmo::metrics
