// Points drawn on a picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/geometry.h"
#include "image/picture.h"

namespace molmo::image {

/// Points of one label and one colour.
struct PointGroup {
  std::string label;
  std::vector<geometry::Point> points;  ///< pixels
  bool is_truth = false;                ///< hollow rings instead of numbered discs
};

/// A copy with numbered markers whose size follows the picture's diagonal. Labels stand in a strip that is added below
/// the picture, a line for each that the font (ASCII) and the width have room for; nothing else changes its size.
Picture draw_points(const Picture& picture, std::span<const PointGroup> groups);

}  // namespace molmo::image
