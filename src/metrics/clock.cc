// SPDX-License-Identifier: Apache-2.0
#include "metrics/clock.h"

#include <string>
#include <vector>

#include "base/unicode_text.h"
#include "metrics/number_text.h"
#include "molmo/error.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

struct ParsedTime {
  bool has_colon = false;
  std::optional<int64_t> hour, minute, second;
};

std::optional<int64_t> parse_word(std::u32string_view text, bool takes_last) {
  const std::vector<std::u32string_view> words = split_words(text);
  if (words.empty()) return std::nullopt;
  const std::optional<Integer> integer = parse_integer(takes_last ? words.back() : words.front());
  return integer ? std::optional(integer->value) : std::nullopt;
}

// The last word before the first colon, and the first words after the first and the second.
ParsedTime parse_time(std::u32string_view text) {
  ParsedTime time;
  const size_t first = text.find(U':');
  if (first == text.npos) return time;
  const size_t second = text.find(U':', first + 1);
  time.has_colon = true;
  time.hour = parse_word(text.substr(0, first), true);
  time.minute = parse_word(text.substr(first + 1, second - first - 1), false);
  if (second != text.npos) {
    const std::u32string_view rest = text.substr(second + 1);
    time.second = parse_word(rest.substr(0, rest.find(U':')), false);
  }
  return time;
}

int64_t hour_of_dial(int64_t hour, ClockSet set, bool is_afternoon) {
  if (set == ClockSet::kBenchmark && hour > 12) hour -= 12;
  if (hour == 12) hour = 0;
  return set == ClockSet::kSynthetic && is_afternoon ? hour + 12 : hour;
}

// PARITY: only the benchmark takes minutes 59 apart for neighbours; the synthetic set does not wrap.
bool is_close(const std::optional<int64_t>& value, int64_t reference, ClockSet set) {
  if (!value) return false;
  const uint64_t distance = distance_of(*value, reference);
  return set == ClockSet::kBenchmark ? distance <= 1 || distance == 59 : distance <= 3;
}

void score_seconds(const std::optional<int64_t>& second, int64_t reference, ClockSet set, ClockScore* score) {
  score->second_correct = second == reference;
  score->second_close = is_close(second, reference, set);
  *score->all_correct &= *score->second_correct;
  *score->all_close &= *score->second_close;
}

}  // namespace

// PARITY: of the errors across a full hour only the one across twelve o'clock counts as close.
bool ClockScorer::is_wrapped_close(const std::optional<int64_t>& hour, const std::optional<int64_t>& minute,
                                   ClockTime reference) const {
  if (set_ != ClockSet::kBenchmark) return false;
  if (!hour || !minute) {
    if (mode_ == ScoringMode::kFixed) return false;
    throw Error("[clock] the first reply names no time: no score in reference mode");
  }
  // Times are clamped numbers of a reply (number_text.h): beyond a billion none is 719 minutes from a reference.
  constexpr uint64_t kMost = 1'000'000'000;
  if (distance_of(*hour, reference.hour) > kMost || distance_of(*minute, reference.minute) > 60 * kMost) return false;
  return std::abs((*hour - reference.hour) * 60 + *minute - reference.minute) == 12 * 60 - 1;
}

ClockScore ClockScorer::score(std::string_view reply, ClockTime reference) {
  const std::u32string text = decode_utf8(reply);
  ParsedTime time = parse_time(text);
  ClockScore score;
  if (reference.hour == -1) {
    score.correctly_declines = !time.has_colon;
    score.overall_exact = score.overall_close = !time.has_colon;
    return score;
  }
  if (reference.hour == 12) reference.hour = 0;
  if (reference.minute == 60) reference.minute = 0;
  if (time.hour) time.hour = hour_of_dial(*time.hour, set_, contains(text, U"PM"));
  if (time.minute == 60) time.minute = 0;
  if (time.hour || mode_ == ScoringMode::kFixed) last_hour_ = time.hour;
  if (time.minute || mode_ == ScoringMode::kFixed) last_minute_ = time.minute;

  score.hour_correct = time.hour == reference.hour;
  score.minute_correct = time.minute == reference.minute;
  score.minute_close = is_close(time.minute, reference.minute, set_);
  score.all_correct = *score.hour_correct && *score.minute_correct;
  const bool is_wrapped = is_wrapped_close(last_hour_, last_minute_, reference);
  score.all_close = (*score.hour_correct && *score.minute_close) || is_wrapped;
  if (reference.second != -1) score_seconds(time.second, reference.second, set_, &score);
  score.overall_exact = *score.all_correct;
  score.overall_close = *score.all_close;
  return score;
}

ClockScore clock_score(std::string_view reply, ClockTime reference, ClockSet set) {
  return ClockScorer(set, ScoringMode::kFixed).score(reply, reference);
}

}  // namespace molmo::metrics
