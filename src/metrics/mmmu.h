// MMMU: the benchmark's own answer parser, multiple choice and open. Facts: spec/eval.md §1.9 MMMU. Paper: [P Tab.1].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace molmo::metrics {

/// The options of a question that are not empty, at most 26: option i has the letter 'A' + i.
std::vector<std::string> mmmu_options(std::span<const std::string> options);

/// The letter that a response names: in brackets, between blanks, or through the text of its option; the last one
/// named where there are several. Nothing where none is named (the benchmark then guesses). Error without options.
std::optional<char> parse_mmmu_letter(std::string_view response, std::span<const std::string> options);

/// A normalised candidate: a number rounded to 2 decimals, or lower-case text.
using MmmuCandidate = std::variant<double, std::string>;

/// Whether the text is a number once its commas are gone.
bool is_mmmu_number(std::string_view text);

/// Normal forms of a text; a single character c becomes " c" and "c ".
std::vector<MmmuCandidate> normalize_mmmu_text(std::string_view text);

/// What an open response may mean: its conclusions and the numbers in them, as a set (numbers rising, NaN, texts).
std::vector<MmmuCandidate> parse_mmmu_open(std::string_view response);

/// Whether a candidate equals a numeric answer, or contains a textual one.
bool is_mmmu_open_correct(std::span<const MmmuCandidate> candidates, std::span<const std::string> answers);

}  // namespace molmo::metrics
