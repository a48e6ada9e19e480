// SPDX-License-Identifier: Apache-2.0
#include "data/points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace molmo::data {
namespace {

using geometry::Point;

// Rounds to the array's precision after every operation, as NumPy does. Not inlined: g++ 12.2 at -O2 and above drops
// the double -> float -> double rounding of neighbouring values when it vectorises a pair (-ftree-slp-vectorize).
[[gnu::noinline]] double narrow(double value, bool is_float32) {
  return is_float32 ? static_cast<float>(value) : value;
}

// One decimal, half to even on the scaled value. This is not decimal rounding: 0.35 becomes 0.4, 0.45 becomes 0.4.
double round_to_tenth(double value, bool is_float32) {
  return narrow(std::rint(narrow(value * 10.0, is_float32)) / 10.0, is_float32);
}

std::vector<Point> round_and_sort(const PointArray& array) {
  const bool is_float32 = array.is_float32;
  std::vector<Point> points = array.points;
  for (Point& point : points) {
    point = {round_to_tenth(point.x, is_float32), round_to_tenth(point.y, is_float32)};
  }
  const auto key = [&](const Point& p) { return narrow(narrow(p.x * 10000.0, is_float32) + p.y, is_float32); };
  std::stable_sort(points.begin(), points.end(), [&](const Point& a, const Point& b) { return key(a) < key(b); });
  return points;
}

}  // namespace

PointArray to_percent(PointArray array, std::optional<double> point_scale, ImageSize size) {
  const bool is_float32 = array.is_float32;
  // PARITY: the factor of a scale has the array's precision; the division of pixels happens in double.
  const auto percent = [&](double value, int side) {
    return narrow(point_scale ? value * narrow(100.0 / *point_scale, is_float32) : value / (side / 100.0), is_float32);
  };
  for (Point& point : array.points) point = {percent(point.x, size.width), percent(point.y, size.height)};
  return array;
}

std::string point_tag(const PointArray& percent, std::string_view alt_text, std::string_view inline_text) {
  MOLMO_CHECK(!percent.points.empty());
  const std::vector<Point> points = round_and_sort(percent);
  if (points.size() == 1) {
    return fmt::format("<point x=\"{:.1f}\" y=\"{:.1f}\" alt=\"{}\">{}</point>", points[0].x, points[0].y, alt_text,
                       inline_text);
  }
  std::string tag = "<points";
  for (size_t i = 0; i < points.size(); ++i) {
    tag += fmt::format(" x{0}=\"{1:.1f}\" y{0}=\"{2:.1f}\"", i + 1, points[i].x, points[i].y);
  }
  return tag + fmt::format(" alt=\"{}\">{}</points>", alt_text, inline_text);
}

std::string points_to_text(const PointArray& percent, std::string_view style, std::string_view label) {
  if (style != "pointing" && style != "point_count") {
    throw Error(fmt::format("[prompt] points of style '{}', expected 'pointing' or 'point_count'", style));
  }
  if (percent.points.empty()) return "There are none.";
  const std::string tag = point_tag(percent, label, label);
  if (style == "pointing") return tag;
  return fmt::format("Counting the {} shows a total of {}.", tag, percent.points.size());
}

std::string fill_point_placeholders(std::string_view answer, std::span<const PointAnnotation> annotations) {
  std::string text;
  size_t position = 0;
  for (const PointAnnotation& annotation : annotations) {
    const size_t found = answer.find(kPointPlaceholder, position);
    if (found == std::string_view::npos) {
      throw Error(fmt::format("[prompt] answer with fewer {} than its {} annotations: '{}'", kPointPlaceholder,
                              annotations.size(), answer));
    }
    if (annotation.points.points.empty()) throw Error("[prompt] an annotation of an explanation has no points");
    text += answer.substr(position, found - position);
    text += point_tag(annotation.points, annotation.alt_text, annotation.inline_text);
    position = found + kPointPlaceholder.size();
  }
  return text.append(answer.substr(position));
}

}  // namespace molmo::data
