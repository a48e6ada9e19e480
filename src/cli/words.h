// The words of a command line: which of them are options, and how a value reaches the program as it was typed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo::cli {

/// "-n", "-n4", "--name" or "--name=value": letters, digits, dashes and underscores after the dash. "-5 + 3?" and
/// "--what?" are values.
bool is_option_word(std::string_view word);

/// The words after the program's name as CLI11 is to see them. It gives values a meaning by their first characters
/// ("[a, b]" is a list, "{}" an empty one, "-h is a letter" the option -h), and ends a subcommand at "--". Here a value
/// that could be taken for something else, and every word after the first "--", which is left out, carries a mark.
std::vector<std::string> mark_values(int argc, const char* const* argv);

/// A value without its mark.
std::string unmarked(std::string_view word);

/// A message without the marks of the values in it.
std::string without_marks(std::string text);

/// How many words follow the first "--".
size_t num_words_after_dashes(int argc, const char* const* argv);

}  // namespace molmo::cli
