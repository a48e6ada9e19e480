// Counting: the number that a reply names. Facts: spec/eval.md §1.10 Counting. Paper: [P Tab.1], [P Tab.4].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "metrics/number_text.h"
#include "metrics/scoring_mode.h"

namespace molmo::metrics {

/// The last word as an integer or as zero...twenty, else the number after the last "a total of " of the first line.
/// "none" means 0 only in fixed mode. PARITY: "There are 4 dogs." names nothing.
std::optional<Integer> parse_count(std::string_view reply, ScoringMode mode = ScoringMode::kReference);

/// Scores of one count. A number of more than 18 digits is a valid wrong one.
struct CountScore {
  bool is_valid = false, is_correct = false, is_close = false;  ///< close: off by at most one
};
CountScore count_score(std::string_view reply, int64_t count, ScoringMode mode = ScoringMode::kReference);

}  // namespace molmo::metrics
