// Points found anywhere in a reply, spelling by spelling, as the benchmarks read them; what a reply means is read by
// data/point_reader.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/points.h"

namespace molmo::data {

/// The value of digits of any script with an optional fraction; infinity beyond double.
double decimal_value(std::u32string_view number);

/// Points in percent, none above 100, of the first of these spellings that the text has: `p=500,200`,
/// `Click(50.0, 20.0)`, `(50.0, 20.0)`, the last with one decimal or more.
std::vector<geometry::Point> scan_other_spellings(const std::u32string& text);

/// Points in pixels named by a reply. Order: every `Click(a, b)`, every `(a, b)` (so a click is found twice), every
/// `x="a" y="b"`, every `p=ddd,ddd`; pairs with a value above 100 are dropped.
std::vector<geometry::Point> extract_points(std::string_view text, ImageSize size);

/// Those points taken two by two as corners; an odd last one is dropped.
std::vector<geometry::Box> extract_boxes(std::string_view text, ImageSize size);

/// Pairs `a.b, c.d` of a counting reply. PARITY: multiplied by the picture's size without a division by 100.
std::vector<geometry::Point> extract_count_points(std::string_view text, ImageSize size);

}  // namespace molmo::data
