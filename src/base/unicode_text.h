// Text as the reference's language sees it: code points, Unicode white space and lower case, \w and \d classes, edit
// distance in code points. Oracle: golden/metrics/numeric.jsonl. Facts: spec/eval.md §1.14.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::unicode {

/// Code points of UTF-8 text; every ill-formed byte becomes U+FFFD.
std::u32string decode_utf8(std::string_view text);
std::string encode_utf8(std::u32string_view text);

/// White space of str.strip, str.split and \s (includes U+001C-1F and U+0085, not U+200B or U+FEFF).
bool is_space(char32_t c);
/// \w: letters, numbers of any kind, underscore (marks are none).
bool is_word(char32_t c);
/// Value of a decimal digit of any script, -1 for anything else (\d is "not -1").
int digit_value(char32_t c);
inline bool is_digit(char32_t c) { return digit_value(c) >= 0; }

/// Full lower case: final sigma, and U+0130 becomes two code points.
std::u32string lower(std::u32string_view text);
std::string lower(std::string_view text);

/// Without white space at both ends.
std::u32string_view strip(std::u32string_view text);
std::string strip(std::string_view text);
/// Without any of `characters` at both ends (at the end only).
std::u32string_view strip(std::u32string_view text, std::u32string_view characters);
std::u32string_view strip_right(std::u32string_view text, std::u32string_view characters);

/// Pieces between runs of white space; no empty pieces.
std::vector<std::u32string_view> split_words(std::u32string_view text);
/// Every run of white space as one blank, none at the ends.
std::u32string collapse_space(std::u32string_view text);

/// The nearest text in ASCII: letters without their accents, quotes and dashes as a typewriter has them. Empty where a
/// character has nothing like that.
std::string nearest_ascii(std::string_view text);

/// Number of code points.
size_t count_characters(std::string_view text);

/// Levenshtein distance in code points.
size_t edit_distance(std::u32string_view a, std::u32string_view b);

/// Replaces every occurrence of `from` (not empty) by `to`.
std::u32string replace_all(std::u32string_view text, std::u32string_view from, std::u32string_view to);

inline bool contains(std::u32string_view text, std::u32string_view part) { return text.find(part) != text.npos; }

}  // namespace molmo::unicode
