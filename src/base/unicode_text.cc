// SPDX-License-Identifier: Apache-2.0
#include "base/unicode_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/edit_distance.h"

namespace molmo::unicode {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;
constexpr char32_t kCapitalDottedI = 0x130, kCombiningDot = 0x307;

bool is_within(char32_t c, char32_t first, char32_t last) { return first <= c && c <= last; }
utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

// Unicode's Case_Ignorable: marks, format characters, modifiers, and the punctuation inside words.
bool is_case_ignorable(char32_t c) {
  constexpr std::u32string_view kInsideWords =
      U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return kInsideWords.find(c) != kInsideWords.npos;
  }
}

// Unicode's Cased: letters with case, ordinals, Roman numerals, circled and squared letters.
bool is_cased(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT || c == 0xAA ||
         c == 0xBA || is_within(c, 0x2160, 0x217F) || is_within(c, 0x24B6, 0x24E9) || is_within(c, 0x1F130, 0x1F149) ||
         is_within(c, 0x1F150, 0x1F169) || is_within(c, 0x1F170, 0x1F189);
}

// A capital sigma is final if the nearest character before it that counts is a cased letter and none such follows.
bool is_final_sigma(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  size_t after = at + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

}  // namespace

std::u32string decode_utf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t c = -1;
    const auto length = utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &c);
    out += length > 0 ? static_cast<char32_t>(c) : char32_t{0xFFFD};
    i += length > 0 ? static_cast<size_t>(length) : 1;
  }
  return out;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    utf8proc_uint8_t bytes[4];
    const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  }
  return out;
}

bool is_space(char32_t c) {
  return is_within(c, 0x09, 0x0D) || is_within(c, 0x1C, 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         is_within(c, 0x2000, 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word(char32_t c) {
  const int kind = category(c);
  return c == U'_' || (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
         (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

int digit_value(char32_t c) {
  if (c < 0x80) return is_within(c, U'0', U'9') ? static_cast<int>(c - U'0') : -1;
  if (category(c) != UTF8PROC_CATEGORY_ND) return -1;
  // Decimal digits of a script are ten neighbours from zero to nine; neighbouring runs keep the step of ten.
  char32_t first = c;
  while (category(first - 1) == UTF8PROC_CATEGORY_ND) --first;
  return static_cast<int>((c - first) % 10);
}

std::u32string lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c < 0x80) {
      out += is_within(c, U'A', U'Z') ? c + 32 : c;
    } else if (c == kCapitalSigma) {
      out += is_final_sigma(text, i) ? kFinalSigma : kSmallSigma;
    } else if (c == kCapitalDottedI) {
      out += {U'i', kCombiningDot};
    } else {
      out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
    }
  }
  return out;
}

std::string lower(std::string_view text) { return encode_utf8(lower(decode_utf8(text))); }

std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string strip(std::string_view text) { return encode_utf8(strip(decode_utf8(text))); }

std::u32string_view strip_right(std::u32string_view text, std::u32string_view characters) {
  while (!text.empty() && characters.find(text.back()) != characters.npos) text.remove_suffix(1);
  return text;
}

std::u32string_view strip(std::u32string_view text, std::u32string_view characters) {
  while (!text.empty() && characters.find(text.front()) != characters.npos) text.remove_prefix(1);
  return strip_right(text, characters);
}

std::vector<std::u32string_view> split_words(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    while (i < text.size() && !is_space(text[i])) ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
    while (i < text.size() && is_space(text[i])) ++i;
  }
  return words;
}

std::u32string collapse_space(std::u32string_view text) {
  std::u32string out;
  for (const std::u32string_view word : split_words(text)) {
    if (!out.empty()) out += U' ';
    out += word;
  }
  return out;
}

std::string nearest_ascii(std::string_view text) {
  static constexpr std::pair<char32_t, std::string_view> kForms[] = {
      {U'\u2018', "'"},  {U'\u2019', "'"},  {U'\u201A', "'"},  {U'\u201C', "\""}, {U'\u201D', "\""}, {U'\u201E', "\""},
      {U'\u00AB', "\""}, {U'\u00BB', "\""}, {U'\u2013', "-"},  {U'\u2014', "-"},  {U'\u2212', "-"},  {U'\u00DF', "ss"},
      {U'\u00C6', "AE"}, {U'\u00E6', "ae"}, {U'\u0152', "OE"}, {U'\u0153', "oe"}, {U'\u00D8', "O"},  {U'\u00F8', "o"},
      {U'\u0141', "L"},  {U'\u0142', "l"},  {U'\u0131', "i"}};
  std::string folded;
  for (const char32_t c : decode_utf8(text)) {
    const auto form = std::ranges::find(kForms, c, &std::pair<char32_t, std::string_view>::first);
    folded += form != std::end(kForms) ? std::string(form->second) : encode_utf8({&c, 1});
  }
  utf8proc_uint8_t* mapped = nullptr;
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                                           UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(folded.data()),
                                 static_cast<utf8proc_ssize_t>(folded.size()), &mapped, kOptions);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) return "";
  const std::string ascii(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  return std::ranges::all_of(ascii, [](unsigned char c) { return c < 0x80; }) ? ascii : "";
}

size_t count_characters(std::string_view text) { return decode_utf8(text).size(); }

size_t edit_distance(std::u32string_view a, std::u32string_view b) { return molmo::edit_distance(a, b); }

std::u32string replace_all(std::u32string_view text, std::u32string_view from, std::u32string_view to) {
  std::u32string out;
  for (size_t begin = 0;;) {
    const size_t found = text.find(from, begin);
    out += text.substr(begin, found - begin);
    if (found == text.npos) return out;
    out += to;
    begin = found + from.size();
  }
}

}  // namespace molmo::unicode
