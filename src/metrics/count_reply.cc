// SPDX-License-Identifier: Apache-2.0
#include "metrics/count_reply.h"

#include <algorithm>
#include <vector>

#include "base/unicode_text.h"
#include "metrics/count.h"
#include "metrics/number_text.h"
#include "metrics/number_words.h"
#include "metrics/reply_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

using Text = std::u32string_view;

// Beside a number these make it something else than a count: amounts of money, fractions ("\u00BD"), percentages.
constexpr Text kBefore = U"$\u20AC\u00A3\u00A5\u2044", kAfter = U"%\u20AC\u2044";

// What the numbers of a text come to.
class Tally {
 public:
  void add(std::optional<int64_t> value) {
    is_open_ |= !value || (value_ && *value_ != *value);
    value_ = value;
    has_numbers_ = true;
  }
  bool has_numbers() const { return has_numbers_; }
  std::optional<int64_t> value() const { return is_open_ ? std::nullopt : value_; }

 private:
  std::optional<int64_t> value_;
  bool is_open_ = false, has_numbers_ = false;
};

size_t digits_end(Text text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// Past "1,200" or "12.5": digits with single commas and stops between them.
size_t number_end(Text text, size_t at) {
  for (;;) {
    at = digits_end(text, at);
    const bool goes_on = at + 1 < text.size() && (text[at] == U',' || text[at] == U'.') && is_digit(text[at + 1]);
    if (!goes_on) return at;
    ++at;
  }
}

// "12", "1,200" and "12.0" are integers; "1,20", "12.5" and "1.2.3" are not.
std::optional<int64_t> integer_of(Text number) {
  Text whole = number;
  if (const size_t stop = number.find(U'.'); stop != number.npos) {
    if (number.find_first_not_of(U'0', stop + 1) != number.npos) return std::nullopt;
    whole = number.substr(0, stop);
  }
  const size_t first = std::min(whole.find(U','), whole.size());
  if (first > 3 && first < whole.size()) return std::nullopt;
  for (size_t at = first; at < whole.size(); at += 4) {
    if (whole[at] != U',' || digits_end(whole, at + 1) != at + 4) return std::nullopt;
  }
  const std::optional<Integer> integer = parse_integer(replace_all(whole, U",", U""));
  return integer && integer->digits.size() <= 18 ? std::optional(integer->value) : std::nullopt;
}

// The count that the number at [begin, end) of the text is.
std::optional<int64_t> value_of(Text text, size_t begin, size_t end) {
  if (begin > 0 && contains(kBefore, text.substr(begin - 1, 1))) return std::nullopt;
  if (end < text.size() && contains(kAfter, text.substr(end, 1))) return std::nullopt;
  const std::optional<int64_t> value = integer_of(text.substr(begin, end - begin));
  const bool is_signed = begin > 0 && text[begin - 1] == U'-' && (begin == 1 || is_space(text[begin - 2]));
  return value && is_signed ? std::optional(-*value) : value;
}

// Numbers in words among the words collected so far, which are then gone.
void add_words(std::vector<Text>& words, Tally& tally) {
  for (size_t i = 0; i < words.size();) {
    if (const auto cardinal = read_cardinal(std::span(words).subspan(i))) {
      tally.add(cardinal->value);
      i += cardinal->num_words;
    } else {
      if (words[i] == U"none") tally.add(0);
      ++i;
    }
  }
  words.clear();
}

Tally tally_numbers(Text text) {
  Tally tally;
  std::vector<Text> words;  // that follow one another, with blanks and hyphens between them
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (is_digit(text[i])) {
      i = number_end(text, i);
      const size_t end = i;
      while (i < text.size() && is_word(text[i])) ++i;
      add_words(words, tally);
      if (i == end) tally.add(value_of(text, begin, end));  // "12th" and "3d" count nothing
    } else if (is_word(text[i])) {
      while (i < text.size() && (is_word(text[i]) || text[i] == U'\'')) ++i;
      words.push_back(text.substr(begin, i - begin));
    } else {
      if (!is_space(text[i]) && text[i] != U'-') add_words(words, tally);
      ++i;
    }
  }
  add_words(words, tally);
  return tally;
}

}  // namespace

std::optional<int64_t> read_count(std::string_view reply) {
  if (const auto integer = parse_count(reply, ScoringMode::kReference)) {
    return integer->digits.size() <= 18 ? std::optional(integer->value) : std::nullopt;
  }
  const std::u32string text = without_point_tags(fold_reply(reply));
  const Tally tally = tally_numbers(text);
  if (tally.has_numbers()) return tally.value();
  return says_none(text) ? std::optional<int64_t>(0) : std::nullopt;
}

}  // namespace molmo::metrics
