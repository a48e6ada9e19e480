// Multiple choice (A-OKVQA, ScienceQA, AI2D) and RealWorldQA, which uses it. Facts: spec/eval.md §1.8, §1.9.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::metrics {

/// Edit distance of the prediction to each option, all lower-cased and stripped.
std::vector<size_t> option_distances(std::string_view prediction, std::span<const std::string> options);

/// The option meant: equal text, else the only option that contains the prediction, else the smallest edit distance
/// (first on ties; so an empty prediction takes the first). Error without options or if two are equal.
size_t select_option(std::string_view prediction, std::span<const std::string> options);

/// RealWorldQA: normalised texts equal ("short_answer"), or the letters A to D ("multiple_choice"; a reference that is
/// no such letter is an Error).
bool real_world_qa_score(std::string_view prediction, std::string_view reference, std::string_view question_type);

}  // namespace molmo::metrics
