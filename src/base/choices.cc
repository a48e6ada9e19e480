// SPDX-License-Identifier: Apache-2.0
#include "base/choices.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/edit_distance.h"
#include "base/strings.h"

namespace molmo {

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance<char>(name, candidate);
    if (distance < best_distance) best_distance = distance, best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string nearest = nearest_name(name, candidates);
  return nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest);
}

std::string expected_one_of(std::string_view name, const std::vector<std::string>& candidates) {
  return fmt::format("expected one of {}{}", join_text(candidates, ", "), did_you_mean(name, candidates));
}

}  // namespace molmo
