// SPDX-License-Identifier: Apache-2.0
#include "metrics/exact_match.h"

#include <algorithm>

#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

bool is_exact_match(std::string_view prediction, std::span<const std::string> references) {
  const std::string answer = lower(prediction);
  return std::any_of(references.begin(), references.end(),
                     [&](const std::string& reference) { return lower(reference) == answer; });
}

double a_okvqa_score(std::string_view prediction, std::span<const std::string> references) {
  const auto fold = [](std::string_view text) { return strip(lower(text)); };
  const std::string answer = fold(prediction);
  const auto matches = std::count_if(references.begin(), references.end(),
                                     [&](const std::string& reference) { return fold(reference) == answer; });
  return std::min(static_cast<double>(matches) / 3.0, 1.0);
}

}  // namespace molmo::metrics
