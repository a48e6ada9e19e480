// Points and boxes of pictures. Which unit they count in, pixels or percent of the picture's sides, is said where they
// are kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

namespace molmo::geometry {

/// A place in a picture: x from its left edge, y from its top edge.
struct Point {
  double x = 0.0, y = 0.0;

  bool operator==(const Point&) const = default;
};

/// A rectangle by two corners, left and top first.
struct Box {
  double x0 = 0.0, y0 = 0.0, x1 = 0.0, y1 = 0.0;

  bool operator==(const Box&) const = default;
};

inline Point center(const Box& box) { return {(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2}; }

/// 0 where the corners are in the wrong order.
inline double area(const Box& box) { return std::max(0.0, box.x1 - box.x0) * std::max(0.0, box.y1 - box.y0); }

/// Whether a point is in a box or at most `slack` beyond its edges, which belong to it.
inline bool contains(const Box& box, const Point& point, const Point& slack = {}) {
  return box.x0 - slack.x <= point.x && point.x <= box.x1 + slack.x && box.y0 - slack.y <= point.y &&
         point.y <= box.y1 + slack.y;
}

/// "[12.5, 40]" and "[0, 0, 10, 20]", as data files write them.
std::string to_text(const Point& point);
std::string to_text(const Box& box);

}  // namespace molmo::geometry
