// SPDX-License-Identifier: Apache-2.0
#include "base/geometry.h"

#include <gtest/gtest.h>

namespace molmo::geometry {
namespace {

TEST(Geometry, ABoxHoldsItsEdges) {
  const Box box{10, 20, 30, 40};
  for (const Point& point : {Point{10, 20}, Point{30, 40}, Point{20, 30}}) EXPECT_TRUE(contains(box, point));
  for (const Point& point : {Point{9.9, 30}, Point{30.1, 30}, Point{20, 19.9}, Point{20, 40.1}})
    EXPECT_FALSE(contains(box, point)) << to_text(point);
}

TEST(Geometry, SlackIsPerAxis) {
  const Box box{10, 20, 30, 40};
  EXPECT_TRUE(contains(box, {8, 41}, {2, 1}));
  EXPECT_FALSE(contains(box, {8, 42}, {2, 1}));
  EXPECT_FALSE(contains(box, {7, 41}, {2, 1}));
}

TEST(Geometry, BoxesHaveACenterAndAnArea) {
  EXPECT_EQ(center({10, 20, 30, 50}), (Point{20, 35}));
  EXPECT_EQ(area({10, 20, 30, 50}), 600);
  EXPECT_EQ(area({30, 50, 10, 20}), 0);  // corners in the wrong order
}

TEST(Geometry, IsWrittenAsInDataFiles) {
  EXPECT_EQ(to_text(Point{12.5, 40}), "[12.5, 40]");
  EXPECT_EQ(to_text(Box{0, 1, 2.25, 3}), "[0, 1, 2.25, 3]");
}

}  // namespace
}  // namespace molmo::geometry
