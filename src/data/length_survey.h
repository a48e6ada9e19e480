// How long the examples of a recipe are, before it is trained: a sequence length that cuts off the answers teaches
// nothing, and nothing else would say so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "data/example_maker.h"

namespace molmo::data {

/// Over some examples, made as training makes them. Lengths are in tokens, image tokens included.
struct LengthSurvey {
  int64_t num_examples = 0;
  int64_t median = 0, percentile_95 = 0, longest = 0;
  int64_t median_image_tokens = 0;
  int64_t num_cut = 0;         ///< longer than the sequence length
  int64_t num_unanswered = 0;  ///< of which nothing is left that the loss counts

  /// "187 tokens (median), 301 (95 %), 412 (longest) in 256 examples"
  std::string lengths() const;
};

struct SurveyLimits {
  int num_threads = 1;
  std::chrono::milliseconds time{5000};  ///< no example is begun later
};

/// Makes the examples of `items`. What cannot be made is left out: it is reported elsewhere.
LengthSurvey survey_lengths(const ExampleMaker& make, std::span<const MixtureItem> items, int64_t sequence_length,
                            const SurveyLimits& limits = {});

/// What to warn of: examples that are cut. Empty where none is. Error where at least half of the examples lose all that
/// the loss counts.
std::string judge_lengths(const LengthSurvey& survey, int64_t sequence_length);

}  // namespace molmo::data
