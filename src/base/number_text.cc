// SPDX-License-Identifier: Apache-2.0
#include "base/number_text.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace molmo {

std::string format_count(int64_t count) {
  std::string text = std::to_string(count);
  const auto first_digit = static_cast<ptrdiff_t>(count < 0);
  for (auto at = static_cast<ptrdiff_t>(text.size()) - 3; at > first_digit; at -= 3)
    text.insert(static_cast<size_t>(at), 1, ',');
  return text;
}

std::string format_scaled(int64_t count) {
  constexpr const char* kUnits[] = {" k", " M", " B", " T"};
  if (std::abs(static_cast<double>(count)) < 1000) return std::to_string(count);
  double value = static_cast<double>(count) / 1000;
  size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < std::size(kUnits)) value /= 1000, ++unit;
  const double size = std::abs(value);
  const int digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", value, digits, kUnits[unit]);
}

}  // namespace molmo
