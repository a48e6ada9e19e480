// The numbers that MMMU's answer parser finds in a text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo::metrics {

/// The numbers in a text, as written: with thousands commas, then scientific, then plain ones.
std::vector<std::string> find_mmmu_numbers(std::string_view text);

}  // namespace molmo::metrics
