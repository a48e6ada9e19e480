// SPDX-License-Identifier: Apache-2.0
#include "metrics/short_answer.h"

#include <algorithm>
#include <vector>

#include "base/unicode_text.h"
#include "metrics/number_words.h"
#include "metrics/reply_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

using Text = std::u32string_view;

bool is_letter(char32_t c) { return is_word(c) && !is_digit(c); }

bool is_between_letters(Text text, size_t at) {
  return at > 0 && at + 1 < text.size() && is_letter(text[at - 1]) && is_letter(text[at + 1]);
}

// "t-shirt" as two words.
std::u32string without_hyphens(std::u32string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == U'-' && is_between_letters(text, i)) text[i] = U' ';
  }
  return text;
}

// "1,200": groups of three digits after the first comma.
bool has_thousands(Text word) {
  const size_t first = word.find(U',');
  if (first == word.npos || first < 1 || first > 3) return false;
  const size_t end = std::min(word.find(U'.'), word.size());
  if (first > end || (end - first) % 4 != 0) return false;
  for (size_t i = 0; i < end; ++i) {
    const bool is_comma = i >= first && (i - first) % 4 == 0;
    if (is_comma ? word[i] != U',' : !is_digit(word[i])) return false;
  }
  return true;
}

std::u32string normalize_word(Text word) {
  if (has_thousands(word)) return replace_all(word, U",", U"");
  std::u32string out;
  for (size_t i = 0; i < word.size(); ++i) {
    const bool is_dropped = word[i] == U'\'' || (word[i] == U'.' && is_between_letters(word, i));
    if (!is_dropped) out += word[i];
  }
  return out;
}

bool is_article(Text word) { return word == U"a" || word == U"an" || word == U"the"; }

// "%" and the like belong to the number before them.
bool joins_number(Text word, const std::u32string& before) {
  return (word == U"%" || word == U"\u00B0") && !before.empty() && is_digit(before.back());
}

std::u32string normalize(Text folded) {
  const std::u32string text = without_hyphens(std::u32string(folded));
  const std::vector<Text> words = reply_words(text);
  std::u32string out;
  for (size_t i = 0; i < words.size();) {
    if (is_article(words[i]) && i + 1 < words.size()) {
      ++i;
      continue;
    }
    std::u32string word;
    if (const auto cardinal = read_cardinal(std::span(words).subspan(i))) {
      word = decode_utf8(std::to_string(cardinal->value));
      i += cardinal->num_words;
    } else {
      word = words[i] == U"none" ? U"0" : normalize_word(words[i]);
      ++i;
    }
    if (!out.empty() && !joins_number(word, out)) out += U' ';
    out += word;
  }
  return out.empty() ? collapse_space(folded) : out;  // an answer of marks alone: "?"
}

}  // namespace

std::string normalize_short_answer(std::string_view text) { return encode_utf8(normalize(fold_reply(text))); }

double short_answer_score(std::string_view answer, std::span<const std::string> references) {
  const std::string given = normalize_short_answer(answer);
  if (given.empty()) return 0.0;
  return std::any_of(references.begin(), references.end(),
                     [&](const std::string& reference) { return normalize_short_answer(reference) == given; })
             ? 1.0
             : 0.0;
}

}  // namespace molmo::metrics
