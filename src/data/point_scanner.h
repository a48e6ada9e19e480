// The spellings of a point besides attributes, found anywhere in a reply.
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

}  // namespace molmo::data
