// Points as text: how an answer names places in a picture, and how they are read back out of a reply. Coordinates are
// percent of width and height with one decimal. Facts: spec/preprocess.md §5.5, spec/eval.md (Pointing). Paper: [P §3].
//
//   <point x="50.0" y="20.0" alt="dog">dog</point>
//   Counting the <points x1="3.1" y1="100.0" x2="50.0" y2="20.0" alt="dogs">dogs</points> shows a total of 2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/geometry.h"

namespace molmo::data {

/// Width and height of a picture in pixels.
struct ImageSize {
  int width = 0, height = 0;
};

/// Points with the precision that their arithmetic is rounded to (PARITY: PixMo-Count stores float32, the others
/// float64).
struct PointArray {
  std::vector<geometry::Point> points;
  bool is_float32 = false;
};

/// Brings points to percent: by 100 / point_scale, or from pixels of `size` where there is no scale.
PointArray to_percent(PointArray points, std::optional<double> point_scale, ImageSize size);

/// The tag of at least one point in percent: rounded, sorted from left to right. Quotes in the texts are not escaped.
std::string point_tag(const PointArray& percent, std::string_view alt_text, std::string_view inline_text);

/// The answer to a pointing or point_count prompt; "There are none." without points. Error for another style.
std::string points_to_text(const PointArray& percent, std::string_view style, std::string_view label);

/// The points that belong to one `<|POINT|>` placeholder of an explanation, in percent.
struct PointAnnotation {
  PointArray points;
  std::string inline_text, alt_text;
};

inline constexpr std::string_view kPointPlaceholder = "<|POINT|>";

/// Replaces one placeholder per annotation from the left; more annotations than placeholders is an Error.
std::string fill_point_placeholders(std::string_view answer, std::span<const PointAnnotation> annotations);

}  // namespace molmo::data
