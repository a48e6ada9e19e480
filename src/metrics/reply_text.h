// A model's reply as its reader takes it, for the embedded tasks. The benchmarks' metrics read the bytes as they are.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo::metrics {

/// One form for what reads the same: composed characters, plain width, lower case, ASCII digits for those of any
/// script, ASCII quotes, apostrophes and minus signs.
std::u32string fold_reply(std::string_view reply);

/// Words of a folded text: pieces between white space and between commas and semicolons that do not part digits,
/// without the quotes, brackets, emphasis marks and final stops around them. A piece of nothing else is left out.
std::vector<std::u32string_view> reply_words(std::u32string_view folded);

/// A folded text without its <point> and <points> elements: from the tag to its end tag, or to the end of the text.
std::u32string without_point_tags(std::u32string_view folded);

/// Whether a folded text says that there is none: a word "none", "no", "nothing" or "zero", the number 0, or a negation
/// of being there ("there aren't any", "not visible"). "I don't know" does not.
bool says_none(std::u32string_view folded);

}  // namespace molmo::metrics
