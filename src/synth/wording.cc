// SPDX-License-Identifier: Apache-2.0
#include "synth/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace molmo::synth {
namespace {

constexpr std::pair<std::string_view, std::string_view> kIrregular[] = {
    {"sheep", "sheep"},
    {"fish", "fish"},
    {"deer", "deer"},
    {"shrimp", "shrimp"},
    {"bison", "bison"},
    {"mouse", "mice"},
    {"goose", "geese"},
    {"tooth", "teeth"},
    {"snowman", "snowmen"},
    {"potato", "potatoes"},
    {"tomato", "tomatoes"},
    {"mango", "mangoes"},
    {"guinea fowl", "guinea fowl"},
    {"squash", "squashes"},
    {"tape measure", "tape measures"},
    {"leaf", "leaves"},
    {"wolf", "wolves"},
    {"knife", "knives"},
};

constexpr std::string_view kNumbers[] = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
                                         "seven", "eight", "nine", "ten",   "eleven", "twelve"};

bool is_vowel(char letter) { return std::string_view("aeiou").find(letter) != std::string_view::npos; }

}  // namespace

std::string plural(std::string_view noun) {
  for (const auto& [one, many] : kIrregular) {
    if (noun == one) return std::string(many);
  }
  const size_t space = noun.rfind(' ');
  if (space != std::string_view::npos) return std::string(noun.substr(0, space + 1)) + plural(noun.substr(space + 1));
  const std::string text(noun);
  if (text.size() > 1 && text.ends_with('y') && !is_vowel(text[text.size() - 2]))
    return text.substr(0, text.size() - 1) + "ies";
  for (const char* ending : {"s", "x", "z", "ch", "sh"}) {
    if (text.ends_with(ending)) return text + "es";
  }
  return text + "s";
}

std::string with_article(std::string_view noun) {
  return fmt::format("{} {}", !noun.empty() && is_vowel(noun.front()) ? "an" : "a", noun);
}

std::string number_word(int64_t number) {
  if (number < 0 || number >= static_cast<int64_t>(std::size(kNumbers))) return std::to_string(number);
  return std::string(kNumbers[number]);
}

std::string counted(int64_t count, std::string_view noun, bool with_digits) {
  const std::string name = count == 1 ? std::string(noun) : plural(noun);
  return fmt::format("{} {}", with_digits ? std::to_string(count) : number_word(count), name);
}

std::string capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

int percent_of(int place, int length) { return static_cast<int>(std::lround(100 * (place + 0.5) / length)); }

std::string place_phrase(double x, double y) {
  static constexpr std::string_view kPlaces[3][3] = {
      {"at the top left", "at the top", "at the top right"},
      {"on the left", "in the center", "on the right"},
      {"at the bottom left", "at the bottom", "at the bottom right"},
  };
  const auto third = [](double share) { return std::clamp(static_cast<int>(share * 3), 0, 2); };
  return std::string(kPlaces[third(y)][third(x)]);
}

}  // namespace molmo::synth
