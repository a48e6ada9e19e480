// SPDX-License-Identifier: Apache-2.0
#include "data/letter_case.h"

#include <utf8proc.h>

namespace molmo::data {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;
constexpr char32_t kCapitalDottedI = 0x130, kCombiningDot = 0x307;

bool is_within(char32_t c, char32_t first, char32_t last) { return first <= c && c <= last; }

// Unicode's Case_Ignorable: marks, format characters, modifiers, and the punctuation inside words.
bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  constexpr char32_t kInsideWords[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                       0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  for (char32_t candidate : kInsideWords) {
    if (c == candidate) return true;
  }
  return false;
}

// Unicode's Cased, for characters that are not case-ignorable.
bool is_cased(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:  // Other_Uppercase and Other_Lowercase: ordinals, Roman numerals, circled and squared letters
      return c == 0xAA || c == 0xBA || is_within(c, 0x2160, 0x217F) || is_within(c, 0x24B6, 0x24E9) ||
             is_within(c, 0x1F130, 0x1F149) || is_within(c, 0x1F150, 0x1F169) || is_within(c, 0x1F170, 0x1F189);
  }
}

// Whether the first character from `at` in steps of `step` that is not case-ignorable is a cased letter.
bool meets_cased(const std::vector<char32_t>& text, size_t at, int step) {
  for (size_t i = at + step; i < text.size(); i += step) {  // stepping below 0 wraps beyond the end
    if (!is_case_ignorable(text[i])) return is_cased(text[i]);
  }
  return false;
}

void append_utf8(std::string& out, char32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

}  // namespace

std::vector<char32_t> decode_utf8(std::string_view text) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t c = -1;
    const auto length = utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &c);
    out.push_back(length > 0 ? static_cast<char32_t>(c) : 0xFFFD);
    i += length > 0 ? static_cast<size_t>(length) : 1;
  }
  return out;
}

size_t count_characters(std::string_view text) { return decode_utf8(text).size(); }

std::string lower_unicode(std::string_view text) {
  const std::vector<char32_t> characters = decode_utf8(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < characters.size(); ++i) {
    const char32_t c = characters[i];
    if (c == kCapitalSigma) {
      const bool ends_word = meets_cased(characters, i, -1) && !meets_cased(characters, i, 1);
      append_utf8(out, ends_word ? kFinalSigma : kSmallSigma);
    } else if (c == kCapitalDottedI) {
      append_utf8(out, U'i');
      append_utf8(out, kCombiningDot);
    } else {
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

bool is_unicode_space(char32_t c) {
  return is_within(c, 0x09, 0x0D) || is_within(c, 0x1C, 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         is_within(c, 0x2000, 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

int unicode_digit_value(char32_t c) {
  const auto is_decimal = [](char32_t d) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(d)) == UTF8PROC_CATEGORY_ND;
  };
  if (!is_decimal(c)) return -1;
  // The ten digits of a script are neighbours that begin with zero; runs that touch keep the step of ten.
  char32_t zero = c;
  while (is_decimal(zero - 1)) --zero;
  return static_cast<int>((c - zero) % 10);
}

}  // namespace molmo::data
