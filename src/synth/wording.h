// The English of captions and questions: plurals, articles, number words, places in a picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::synth {

/// "dog" -> "dogs", "sheep" -> "sheep", "mouse" -> "mice"; of several words the last is changed.
std::string plural(std::string_view noun);

/// "an apple", "a dog".
std::string with_article(std::string_view noun);

/// "two dogs", "one apple"; digits ("2 dogs") with `with_digits`.
std::string counted(int64_t count, std::string_view noun, bool with_digits);

/// "zero" .. "twelve", digits beyond.
std::string number_word(int64_t number);

/// The first letter in upper case.
std::string capitalized(std::string text);

/// "a", "a and b", "a, b and c".
std::string listed(const std::vector<std::string>& items);

/// The whole percent of `length` that is nearest to the middle of pixel `place`.
int percent_of(int place, int length);

/// Where (x, y), as shares of width and height, lies on a grid of 3 x 3: "at the top left", "in the center".
std::string place_phrase(double x, double y);

}  // namespace molmo::synth
