// SPDX-License-Identifier: Apache-2.0
#include "data/length_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "molmo/error.h"

namespace molmo::data {
namespace {

struct Length {
  int64_t tokens, image_tokens;
  bool is_answered;  // within the sequence length
};

Length length_of(const preprocess::Example& example, int64_t sequence_length) {
  const std::vector<float>& weights = example.loss_masks;
  const auto kept = std::min(std::ssize(weights), static_cast<ptrdiff_t>(sequence_length));
  return {.tokens = std::ssize(example.input_tokens),
          .image_tokens = example.num_image_tokens,
          .is_answered = std::any_of(weights.begin(), weights.begin() + kept, [](float weight) { return weight > 0; })};
}

// The smallest value that at least `share` of all do not exceed.
int64_t percentile(std::vector<int64_t> values, double share) {
  const auto rank = static_cast<size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(rank), values.end());
  return values[rank];
}

template <class Field>
std::vector<int64_t> all_of(const std::vector<Length>& lengths, Field field) {
  std::vector<int64_t> values;
  for (const Length& length : lengths) values.push_back(length.*field);
  return values;
}

}  // namespace

std::string LengthSurvey::lengths() const {
  return fmt::format("{} tokens (median), {} (95 %), {} (longest) in {} examples", median, percentile_95, longest,
                     num_examples);
}

LengthSurvey survey_lengths(const ExampleMaker& make, std::span<const MixtureItem> items, int64_t sequence_length,
                            const SurveyLimits& limits) {
  const auto end = std::chrono::steady_clock::now() + limits.time;
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::vector<Length> lengths;  // guarded by mutex
  const auto work = [&] {
    for (size_t i; (i = next++) < items.size() && std::chrono::steady_clock::now() < end;) {
      try {
        const Length length = length_of(make(items[i]).example, sequence_length);
        const std::lock_guard lock(mutex);
        lengths.push_back(length);
      } catch (const Error&) {  // a bad example, which the loader counts
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < limits.num_threads; ++i) others.emplace_back(work);
    work();
  }
  if (lengths.empty()) return {};
  const std::vector<int64_t> tokens = all_of(lengths, &Length::tokens);
  return {.num_examples = std::ssize(lengths),
          .median = percentile(tokens, 0.5),
          .percentile_95 = percentile(tokens, 0.95),
          .longest = percentile(tokens, 1.0),
          .median_image_tokens = percentile(all_of(lengths, &Length::image_tokens), 0.5),
          .num_cut = std::count_if(tokens.begin(), tokens.end(), [&](int64_t n) { return n > sequence_length; }),
          .num_unanswered =
              std::count_if(lengths.begin(), lengths.end(), [](const Length& length) { return !length.is_answered; })};
}

std::string judge_lengths(const LengthSurvey& survey, int64_t sequence_length) {
  if (survey.num_cut == 0) return "";
  const std::string text = fmt::format(
      "[data] data.sequence_length = {} cuts {} of {} examples ({:.0f} %), and leaves {} of them without anything that "
      "the "
      "loss counts: they have {}, of which {} (median) are the pictures'",
      sequence_length, survey.num_cut, survey.num_examples,
      100.0 * static_cast<double>(survey.num_cut) / static_cast<double>(survey.num_examples), survey.num_unanswered,
      survey.lengths(), survey.median_image_tokens);
  if (2 * survey.num_unanswered >= survey.num_examples)
    throw Error(fmt::format("{}; expected room for the answers: at least {}", text, survey.percentile_95));
  return text;
}

}  // namespace molmo::data
