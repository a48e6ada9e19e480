// SPDX-License-Identifier: Apache-2.0
// Points and boxes as the golden files write them, lists of two and of four numbers, and as plain numbers to compare.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "base/geometry.h"

namespace molmo::geometry {

inline void from_json(const nlohmann::json& json, Point& point) { point = {json.at(0), json.at(1)}; }
inline void from_json(const nlohmann::json& json, Box& box) { box = {json.at(0), json.at(1), json.at(2), json.at(3)}; }

inline std::vector<double> flatten(const std::vector<Point>& points) {
  std::vector<double> values;
  for (const Point& point : points) values.insert(values.end(), {point.x, point.y});
  return values;
}
inline std::vector<double> flatten(const std::vector<Box>& boxes) {
  std::vector<double> values;
  for (const Box& box : boxes) values.insert(values.end(), {box.x0, box.y0, box.x1, box.y1});
  return values;
}

}  // namespace molmo::geometry
