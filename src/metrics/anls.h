// Average normalised Levenshtein similarity (DocVQA, InfoVQA, ST-VQA). Facts: spec/eval.md §1.6.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "metrics/scoring_mode.h"

namespace molmo::metrics {

inline constexpr double kAnlsThreshold = 0.5;

/// The two lengths that a similarity is made of, in code points.
struct AnlsParts {
  size_t edit_distance = 0;  ///< of the lower-cased texts
  size_t max_length = 0;     ///< of the longer text, before lower-casing
};
AnlsParts anls_parts(std::string_view prediction, std::string_view reference);

/// Similarity to one reference: 1 - distance / length, 0 from `threshold` on. Two empty texts: 1 (reference mode:
/// Error).
double anls_one(std::string_view prediction, std::string_view reference, double threshold = kAnlsThreshold,
                ScoringMode mode = ScoringMode::kReference);

/// The best similarity. Without references: nothing in fixed mode, Error in reference mode.
std::optional<double> anls(std::string_view prediction, std::span<const std::string> references,
                           double threshold = kAnlsThreshold, ScoringMode mode = ScoringMode::kReference);

}  // namespace molmo::metrics
