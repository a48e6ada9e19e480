// Short answers as the embedded task scores them: equal after one normalisation. Not the benchmark's (vqa_score.h),
// which takes "-5" for "5", "a" for nothing and "3,5" for "35".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace molmo::metrics {

/// The form in which answers are compared. Case, composed or decomposed letters, width, and the scripts of digits do
/// not matter, nor do white space, marks around words and final stops ("red." "**red**", "50 %"), articles before a
/// word, number words ("two", "twenty-one", "none"), commas of thousands, apostrophes, hyphens between letters, and the
/// stops of "U.S.A.". Signs, decimal points, fractions and units do. Empty only for a text of nothing but white space.
std::string normalize_short_answer(std::string_view text);

/// 1 if the normalised answer equals that of a reference, else 0. An empty answer is never right.
double short_answer_score(std::string_view answer, std::span<const std::string> references);

}  // namespace molmo::metrics
