// VQA accuracy (VQA v2, OK-VQA, TextVQA) with its answer normaliser. Facts: spec/eval.md §1.4. Paper: [P Tab.1].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace molmo::metrics {

/// The normaliser's first half: white space, lower case, punctuation. PARITY: punctuation is judged on the whole text
/// (a digit,digit anywhere deletes all of it), and at most 32 full stops go.
std::string strip_vqa_punctuation(std::string_view text);

/// The whole normaliser: then number words to digits, articles dropped, apostrophes of contractions restored.
std::string normalize_vqa_answer(std::string_view text);

/// min(k / 3, 1) where k references equal the prediction after normalisation; 0 without references.
double vqa_score(std::string_view prediction, std::span<const std::string> references);

}  // namespace molmo::metrics
