// What an unknown name is told: the names there are, and the one that was probably meant.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo {

/// The candidate nearest to `name` if it is plausibly meant (distance at most max(2, a third of its length)), else "".
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// " (did you mean 'caption'?)", or "" where no candidate is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// "expected one of caption, points (did you mean 'points'?)"
std::string expected_one_of(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace molmo
