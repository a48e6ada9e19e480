// Unicode text as Python's str sees it: code points, full lower-casing. Labels are lower-cased before they are trained,
// and length hints count characters, so both must agree with the released models' data code.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::data {

/// Decodes UTF-8. Each ill-formed byte becomes U+FFFD.
std::vector<char32_t> decode_utf8(std::string_view text);

/// Number of Unicode code points.
size_t count_characters(std::string_view text);

/// Lower-cases with Unicode's full mapping: a capital I with dot becomes two code points, and a capital sigma that ends
/// a word becomes the final form.
std::string lower_unicode(std::string_view text);

/// White space as Python's str.isspace: Unicode's separators plus U+001C..U+001F and U+0085.
bool is_unicode_space(char32_t c);

/// Value of a decimal digit of any script (general category Nd), -1 for anything else.
int unicode_digit_value(char32_t c);
inline bool is_unicode_digit(char32_t c) { return unicode_digit_value(c) >= 0; }

}  // namespace molmo::data
