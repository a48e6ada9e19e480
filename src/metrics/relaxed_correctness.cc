// SPDX-License-Identifier: Apache-2.0
#include "metrics/relaxed_correctness.h"

#include <algorithm>
#include <cmath>

#include "base/unicode_text.h"
#include "metrics/number_text.h"
#include "molmo/error.h"

namespace molmo::metrics {

using namespace unicode;

std::optional<double> chart_number(std::string_view text) {
  const std::u32string decoded = decode_utf8(text);
  if (!decoded.ends_with(U'%')) return parse_float(decoded);
  const std::optional<double> percent = parse_float(strip_right(decoded, U"%"));
  return percent ? std::optional(*percent / 100.0) : std::nullopt;
}

bool is_relaxed_correct(std::string_view prediction, std::string_view reference) {
  const std::optional<double> value = chart_number(prediction), target = chart_number(reference);
  if (!value || !target || *target == 0.0) return lower(prediction) == lower(reference);
  return std::abs(*value - *target) / std::abs(*target) <= 0.05;
}

bool is_relaxed_correct(std::string_view prediction, std::span<const std::string> references) {
  if (references.empty()) throw Error("[relaxed_correctness] got no reference answers, expected at least one");
  return std::any_of(references.begin(), references.end(), [&](const std::string& reference) {
    return is_relaxed_correct(prediction, std::string_view(reference));
  });
}

}  // namespace molmo::metrics
