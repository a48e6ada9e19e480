// Numbers as text, with the number parser and the shortest printing of the reference's language (Unicode digits,
// underscores, inf and nan; 14.0, 1e+16). Oracle: golden/metrics/numeric.jsonl. Facts: spec/eval.md §1.14.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace molmo::metrics {

/// Parses a floating number: surrounding white space, digits of any script, underscores between digits, exponent,
/// inf / infinity / nan in any case. Nothing where the whole text is no number ("1,000", "0x1", "50%").
std::optional<double> parse_float(std::u32string_view text);

/// An integer of any size.
struct Integer {
  std::string digits;  ///< canonical decimal text: "-12", "0"
  int64_t value = 0;   ///< clamped to +-10^18: exact below
};

/// Parses an integer under the same rules (no fraction, no exponent); more than 4300 digits do not parse.
std::optional<Integer> parse_integer(std::u32string_view text);

/// |a - b|, for any two integers.
constexpr uint64_t distance_of(int64_t a, int64_t b) {
  return a < b ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a)
               : static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
}

/// The shortest text that reads back as `value`, always with ".0" or an exponent ("14.0", "1e-05", "nan").
std::string format_shortest(double value);

/// Rounds to `digits` decimals (negative: to tens, hundreds...), half to even on the exact binary value.
double round_decimals(double value, int digits);

/// Half to even to an integer, as decimal text. The value must be finite.
std::string format_rounded(double value);

/// Toward zero to an integer, as decimal text. The value must be finite.
std::string format_truncated(double value);

}  // namespace molmo::metrics
