// SPDX-License-Identifier: Apache-2.0
#include "metrics/vqa_score.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr std::u32string_view kPunctuation = U";/[]\"{}()=+\\_-><@`,?!";
constexpr int kMaxPeriods = 32;  // PARITY: a flag constant passed as the count

constexpr std::pair<std::u32string_view, std::u32string_view> kNumberWords[] = {
    {U"none", U"0"}, {U"zero", U"0"}, {U"one", U"1"},   {U"two", U"2"},   {U"three", U"3"}, {U"four", U"4"},
    {U"five", U"5"}, {U"six", U"6"},  {U"seven", U"7"}, {U"eight", U"8"}, {U"nine", U"9"},  {U"ten", U"10"}};

// A word becomes one of these if it is that word less one apostrophe. "somebody'd" is apart: see below.
constexpr std::u32string_view kContractions[] = {
    U"ain't",     U"aren't",       U"can't",      U"could've",     U"couldn't",      U"couldn't've",    U"didn't",
    U"doesn't",   U"don't",        U"hadn't",     U"hadn't've",    U"hasn't",        U"haven't",        U"he'd",
    U"he'd've",   U"he's",         U"how'd",      U"how'll",       U"how's",         U"isn't",          U"it'd",
    U"it'd've",   U"it'll",        U"ma'am",      U"mightn't",     U"mightn't've",   U"might've",       U"mustn't",
    U"must've",   U"needn't",      U"not've",     U"o'clock",      U"oughtn't",      U"'ow's'at",       U"shan't",
    U"she'd've",  U"should've",    U"shouldn't",  U"shouldn't've", U"somebody'd've", U"somebody'll",    U"somebody's",
    U"someone'd", U"someone'd've", U"someone'll", U"someone's",    U"something'd",   U"something'd've", U"something'll",
    U"that's",    U"there'd",      U"there'd've", U"there're",     U"there's",       U"they'd",         U"they'd've",
    U"they'll",   U"they're",      U"they've",    U"'twas",        U"wasn't",        U"we'd've",        U"we've",
    U"weren't",   U"what'll",      U"what're",    U"what's",       U"what've",       U"when's",         U"where'd",
    U"where's",   U"where've",     U"who'd",      U"who'd've",     U"who'll",        U"who's",          U"who've",
    U"why'll",    U"why're",       U"why's",      U"won't",        U"would've",      U"wouldn't",       U"wouldn't've",
    U"y'all",     U"y'all'll",     U"y'all'd've", U"you'd",        U"you'd've",      U"you'll",         U"you're",
    U"you've"};

bool is_without_one_apostrophe(std::u32string_view word, std::u32string_view full) {
  if (word.size() + 1 != full.size()) return false;
  size_t i = 0;
  while (i < word.size() && word[i] == full[i]) ++i;
  // The removed apostrophe stands where the texts part, or is one of an equal run that ends there.
  return full[i] == U'\'' && word.substr(i) == full.substr(i + 1);
}

std::u32string_view expand_contraction(std::u32string_view word) {
  if (word == U"somebody'd") return U"somebodyd";  // PARITY: an error of the public VQA tool
  for (const std::u32string_view full : kContractions) {
    if (is_without_one_apostrophe(word, full)) return full;
  }
  return word;
}

bool has_digit_comma_digit(std::u32string_view text) {
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == U',' && is_digit(text[i - 1]) && is_digit(text[i + 1])) return true;
  }
  return false;
}

std::u32string drop_periods(std::u32string_view text) {
  std::u32string out;
  int num_dropped = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dropped =
        text[i] == U'.' && !(i + 1 < text.size() && is_digit(text[i + 1])) && num_dropped < kMaxPeriods;
    if (is_dropped) {
      ++num_dropped;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::u32string without_punctuation(std::u32string_view raw) {
  std::u32string text(raw);
  std::replace_if(
      text.begin(), text.end(), [](char32_t c) { return c == U'\n' || c == U'\t'; }, U' ');
  text = lower(text);
  const std::u32string original(strip(std::u32string_view(text)));
  const bool deletes_all = has_digit_comma_digit(original);
  std::u32string out = original;
  for (const char32_t mark : kPunctuation) {
    const char32_t before_blank[] = {mark, U' '}, after_blank[] = {U' ', mark};
    const bool deletes = deletes_all || contains(original, {before_blank, 2}) || contains(original, {after_blank, 2});
    out = replace_all(out, {&mark, 1}, deletes ? U"" : U" ");
  }
  return drop_periods(out);
}

std::u32string normalize(std::u32string_view raw) {
  const std::u32string text = without_punctuation(raw);
  std::u32string out;
  for (std::u32string_view word : split_words(text)) {
    for (const auto& [name, digits] : kNumberWords) {
      if (word == name) {
        word = digits;
        break;
      }
    }
    if (word == U"a" || word == U"an" || word == U"the") continue;
    if (!out.empty()) out += U' ';
    out += expand_contraction(word);
  }
  return out;
}

}  // namespace

std::string strip_vqa_punctuation(std::string_view text) { return encode_utf8(without_punctuation(decode_utf8(text))); }

std::string normalize_vqa_answer(std::string_view text) { return encode_utf8(normalize(decode_utf8(text))); }

double vqa_score(std::string_view prediction, std::span<const std::string> references) {
  const std::string answer = normalize_vqa_answer(prediction);
  const auto matches = std::count_if(references.begin(), references.end(), [&](const std::string& reference) {
    return normalize_vqa_answer(reference) == answer;
  });
  return std::min(static_cast<double>(matches) / 3.0, 1.0);
}

}  // namespace molmo::metrics
