// SPDX-License-Identifier: Apache-2.0
#include "metrics/clock_reply.h"

#include <algorithm>

#include "base/unicode_text.h"
#include "metrics/reply_text.h"
#include "metrics/short_answer.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

using Text = std::u32string_view;

constexpr size_t kMostBlanks = 2;  // on either side of a colon

// A number of one or two digits from `*at` on, which moves past it.
std::optional<int64_t> read_two_digits(Text text, size_t* at) {
  size_t end = *at;
  int64_t value = 0;
  while (end < text.size() && is_digit(text[end]) && end < *at + 3) value = value * 10 + digit_value(text[end++]);
  if (end == *at || end > *at + 2) return std::nullopt;
  *at = end;
  return value;
}

bool skip_colon(Text text, size_t* at) {
  const auto skip_blanks = [&](size_t from) {
    size_t end = from;
    while (end < text.size() && end < from + kMostBlanks && is_space(text[end])) ++end;
    return end;
  };
  const size_t colon = skip_blanks(*at);
  if (colon >= text.size() || text[colon] != U':') return false;
  *at = skip_blanks(colon + 1);
  return true;
}

std::optional<ClockTime> read_time_at(Text text, size_t at) {
  const auto hour = read_two_digits(text, &at);
  if (!hour || *hour > 24 || !skip_colon(text, &at)) return std::nullopt;
  const auto minute = read_two_digits(text, &at);
  if (!minute || *minute > 59) return std::nullopt;
  ClockTime time{*hour % 12, *minute, -1};
  if (!skip_colon(text, &at)) return time;
  const auto second = read_two_digits(text, &at);
  if (second && *second <= 59) time.second = *second;
  return time;
}

bool is_same(const ClockTime& given, const ClockTime& answer) {
  return given.hour == answer.hour && given.minute == answer.minute &&
         (answer.second == -1 || given.second == answer.second);
}

}  // namespace

std::optional<ClockTime> read_clock_time(std::string_view text) {
  const std::u32string folded = fold_reply(text);
  for (size_t i = 0; i < folded.size(); ++i) {
    const bool goes_on = i > 0 && (is_word(folded[i - 1]) || folded[i - 1] == U'.' || folded[i - 1] == U':');
    if (!is_digit(folded[i]) || goes_on) continue;
    if (const auto time = read_time_at(folded, i)) return time;
  }
  return std::nullopt;
}

double clock_reply_score(std::string_view reply, std::span<const std::string> answers) {
  const std::optional<ClockTime> given = read_clock_time(reply);
  const bool is_right = std::any_of(answers.begin(), answers.end(), [&](const std::string& answer) {
    if (const auto time = read_clock_time(answer)) return given && is_same(*given, *time);
    return short_answer_score(reply, {&answer, 1}) > 0.0;
  });
  return is_right ? 1.0 : 0.0;
}

}  // namespace molmo::metrics
