// SPDX-License-Identifier: Apache-2.0
#include "metrics/reply_text.h"

#include <algorithm>

#include "base/unicode_form.h"
#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr std::u32string_view kAround = U"\"'`*_()[]{}<>\u00AB\u00BB\u2039\u203A\u300C\u300D\u300E\u300F~";
constexpr std::u32string_view kStops = U".,;:!?\u3002\u3001\uFF61\u0964\u06D4\u061F\u2026";
constexpr std::u32string_view kNoneWords[] = {U"none", U"no", U"nothing", U"zero", U"0"};
constexpr std::u32string_view kNegations[] = {U"not", U"cannot", U"never", U"isnt", U"arent", U"dont", U"doesnt"};
constexpr std::u32string_view kBeingThere[] = {U"any",  U"contain", U"contains", U"see",     U"seen",
                                               U"show", U"shows",   U"visible",  U"present", U"there"};

char32_t plain_mark(char32_t c) {
  switch (c) {
    case U'\u2018':
    case U'\u2019':
    case U'\u201B':
    case U'\u02BC':
    case U'\u00B4':
    case U'\u2032':
      return U'\'';
    case U'\u201C':
    case U'\u201D':
    case U'\u201E':
    case U'\u201F':
    case U'\u2033':
      return U'"';
    case U'\u2010':
    case U'\u2011':
    case U'\u2012':
    case U'\u2013':
    case U'\u2212':
      return U'-';
    default:
      return c;
  }
}

template <size_t N>
bool is_one_of(std::u32string_view word, const std::u32string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// "red, white" has two words, "1,200" and "3,5" one.
bool parts_words(std::u32string_view text, size_t at) {
  const char32_t c = text[at];
  if (is_space(c) || c == U'\u3001') return true;
  if (c != U',' && c != U';') return false;
  return !(at > 0 && at + 1 < text.size() && is_digit(text[at - 1]) && is_digit(text[at + 1]));
}

std::u32string_view without_marks(std::u32string_view word) {
  size_t size;
  do {
    size = word.size();
    word = strip_right(strip(word, kAround), kStops);
  } while (word.size() != size);
  return word;
}

}  // namespace

std::u32string fold_reply(std::string_view reply) {
  std::u32string text = decode_utf8(reply);
  for (char32_t& c : text) c = plain_mark(c);  // before forms: an acute accent would become a blank with a mark
  text = lower(plain_form(text));
  for (char32_t& c : text) {
    if (const int digit = c < 0x80 ? -1 : digit_value(c); digit >= 0) c = static_cast<char32_t>(U'0' + digit);
  }
  return text;
}

std::vector<std::u32string_view> reply_words(std::u32string_view folded) {
  std::vector<std::u32string_view> words;
  for (size_t i = 0; i < folded.size();) {
    const size_t begin = i;
    while (i < folded.size() && !parts_words(folded, i)) ++i;
    const std::u32string_view word = without_marks(folded.substr(begin, i - begin));
    if (!word.empty()) words.push_back(word);
    if (i < folded.size()) ++i;
  }
  return words;
}

std::u32string without_point_tags(std::u32string_view folded) {
  std::u32string text;
  for (size_t begin = 0;;) {
    const size_t tag = folded.find(U"<point", begin);
    text += folded.substr(begin, tag - begin);
    if (tag == folded.npos) return text;
    text += U' ';
    const size_t close = folded.find(U"</point", tag), end = folded.find(U'>', std::min(close, folded.size()));
    if (end == folded.npos) return text;
    begin = end + 1;
  }
}

bool says_none(std::u32string_view folded) {
  bool negates = false, is_there = false;
  std::u32string_view previous;
  for (const std::u32string_view word : reply_words(folded)) {
    if (is_one_of(word, kNoneWords)) return true;
    negates |= is_one_of(word, kNegations) || word.ends_with(U"n't");
    is_there |= is_one_of(word, kBeingThere) || (previous == U"not" && word == U"in");
    previous = word;
  }
  return negates && is_there;
}

}  // namespace molmo::metrics
