// SPDX-License-Identifier: Apache-2.0
#include "metrics/count.h"

#include <algorithm>
#include <array>

#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr size_t kMostExactDigits = 18;  // beyond, the value is clamped
constexpr std::u32string_view kTotal = U"a total of ";
constexpr std::array<std::u32string_view, 21> kNumberWords = {
    U"zero",     U"one",     U"two",     U"three",     U"four",     U"five",     U"six",
    U"seven",    U"eight",   U"nine",    U"ten",       U"eleven",   U"twelve",   U"thirteen",
    U"fourteen", U"fifteen", U"sixteen", U"seventeen", U"eighteen", U"nineteen", U"twenty"};

std::optional<Integer> parse_last_word(std::u32string_view text) {
  const std::vector<std::u32string_view> words = split_words(text);
  if (words.empty()) return std::nullopt;
  if (const auto integer = parse_integer(words.back())) return integer;
  const auto word = std::find(kNumberWords.begin(), kNumberWords.end(), words.back());
  if (word == kNumberWords.end()) return std::nullopt;
  const int64_t value = word - kNumberWords.begin();
  return Integer{std::to_string(value), value};
}

// The digits after the last "a total of " that has any.
std::optional<Integer> parse_total(std::u32string_view line) {
  for (size_t at = line.rfind(kTotal); at != line.npos; at = at == 0 ? line.npos : line.rfind(kTotal, at - 1)) {
    std::u32string_view digits = line.substr(at + kTotal.size());
    const auto end = std::find_if_not(digits.begin(), digits.end(), is_digit);
    digits = digits.substr(0, static_cast<size_t>(end - digits.begin()));
    if (!digits.empty()) return parse_integer(digits);
  }
  return std::nullopt;
}

bool has_word_none(std::u32string_view line) {
  constexpr std::u32string_view kNone = U"none";
  for (size_t at = line.find(kNone); at != line.npos; at = line.find(kNone, at + 1)) {
    const size_t end = at + kNone.size();
    if ((at == 0 || !is_word(line[at - 1])) && (end == line.size() || !is_word(line[end]))) return true;
  }
  return false;
}

}  // namespace

std::optional<Integer> parse_count(std::string_view reply, ScoringMode mode) {
  const std::u32string lowered = lower(decode_utf8(reply));
  const std::u32string_view text = strip(strip_right(lowered, U"."));
  if (const auto last = parse_last_word(text)) return last;
  const std::u32string_view line = text.substr(0, text.find(U'\n'));
  if (const auto total = parse_total(line)) return total;
  // PARITY: the reference's pattern holds backspaces where word boundaries were meant.
  const bool says_none = contains(line, U"\bnone\b") || (mode == ScoringMode::kFixed && has_word_none(line));
  return says_none ? std::optional(Integer{"0", 0}) : std::nullopt;
}

CountScore count_score(std::string_view reply, int64_t count, ScoringMode mode) {
  const std::optional<Integer> value = parse_count(reply, mode);
  if (!value) return {};
  if (value->digits.size() > kMostExactDigits) return {.is_valid = true};
  return {true, value->value == count, distance_of(value->value, count) <= 1};
}

}  // namespace molmo::metrics
