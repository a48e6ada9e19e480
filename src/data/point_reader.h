// Points as a reply means them, where data/point_scanner.h reads the benchmark's four spellings to the letter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/points.h"

namespace molmo::data {

/// Points in pixels that a reply names, in its order. The first spelling that gives any is the reply's, so that numbers
/// in an alt text are no points:
/// 1. x and y attributes in either order, `x="50.0" y='20'`, `x1 = 50.0, y1 = 20.0`: numbers with or without decimals,
///    quotes or blanks, an index or none; a value that the end of the text cuts off is none;
/// 2. what extract_points() reads of the rest: `p=500,200`, `(50.0, 20.0)` and, each once, `Click(50.0, 20.0)`.
/// Pairs with a value outside 0 to 100 are dropped; repeated points are kept.
std::vector<geometry::Point> read_points(std::string_view reply, ImageSize size);

struct NamedPoint {
  geometry::Point point;
  std::string label;  ///< the alt text of the tag it is in, or the text that the tag encloses; empty outside of tags
};

/// The same points with what the reply calls them.
std::vector<NamedPoint> read_named_points(std::string_view reply, ImageSize size);

}  // namespace molmo::data
