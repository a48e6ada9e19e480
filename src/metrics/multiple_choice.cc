// SPDX-License-Identifier: Apache-2.0
#include "metrics/multiple_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/unicode_text.h"
#include "metrics/vqa_score.h"
#include "molmo/error.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

std::u32string fold(std::string_view text) {
  const std::u32string lowered = lower(decode_utf8(text));
  return std::u32string(strip(std::u32string_view(lowered)));
}

std::vector<std::u32string> fold_options(std::span<const std::string> options) {
  std::vector<std::u32string> folded;
  for (const std::string& option : options) {
    folded.push_back(fold(option));
    if (std::count(folded.begin(), folded.end(), folded.back()) > 1) {
      throw Error(fmt::format("[multiple_choice] option '{}' occurs twice, expected distinct options", option));
    }
  }
  if (folded.empty()) throw Error("[multiple_choice] got no options, expected at least one");
  return folded;
}

}  // namespace

std::vector<size_t> option_distances(std::string_view prediction, std::span<const std::string> options) {
  const std::u32string text = fold(prediction);
  std::vector<size_t> distances;
  for (const std::string& option : options) distances.push_back(edit_distance(text, fold(option)));
  return distances;
}

size_t select_option(std::string_view prediction, std::span<const std::string> options) {
  const std::u32string text = fold(prediction);
  const std::vector<std::u32string> folded = fold_options(options);
  const auto equal = std::find(folded.begin(), folded.end(), text);
  if (equal != folded.end()) return static_cast<size_t>(equal - folded.begin());
  const auto has_text = [&](const std::u32string& option) { return contains(option, text); };
  if (std::count_if(folded.begin(), folded.end(), has_text) == 1) {
    return static_cast<size_t>(std::find_if(folded.begin(), folded.end(), has_text) - folded.begin());
  }
  const std::vector<size_t> distances = option_distances(prediction, options);
  return static_cast<size_t>(std::min_element(distances.begin(), distances.end()) - distances.begin());
}

bool real_world_qa_score(std::string_view prediction, std::string_view reference, std::string_view question_type) {
  if (question_type == "short_answer") return normalize_vqa_answer(prediction) == normalize_vqa_answer(reference);
  if (question_type != "multiple_choice") {
    throw Error(
        fmt::format("[real_world_qa] question_type '{}', expected 'short_answer' or 'multiple_choice'", question_type));
  }
  static const std::vector<std::string> kLetters = {"A", "B", "C", "D"};
  const auto letter = std::find(kLetters.begin(), kLetters.end(), reference);
  if (letter == kLetters.end()) {
    throw Error(
        fmt::format("[real_world_qa] reference '{}' of a multiple-choice question, expected A, B, C or D", reference));
  }
  return select_option(prediction, kLetters) == static_cast<size_t>(letter - kLetters.begin());
}

}  // namespace molmo::metrics
