// SPDX-License-Identifier: Apache-2.0
#include "data/point_reader.h"

#include <limits>
#include <optional>
#include <string>

#include "base/unicode_form.h"
#include "base/unicode_text.h"
#include "data/point_scanner.h"

namespace molmo::data {
namespace {

using Text = std::u32string_view;

constexpr size_t kLongestValue = 64;  // characters

bool is_quote(char32_t c) { return c == U'"' || c == U'\'' || (c >= U'\u2018' && c <= U'\u201F'); }

size_t skip_spaces(Text text, size_t at) {
  while (at < text.size() && unicode::is_space(text[at])) ++at;
  return at;
}

size_t skip_digits(Text text, size_t at) {
  while (at < text.size() && unicode::is_digit(text[at])) ++at;
  return at;
}

// One attribute, from its letter to past its closing quote. A value that is no number from 0 on is NaN: its pair is
// known to be there, and dropped.
struct Attribute {
  char32_t name = 0;  // x or y
  double value = 0.0;
  size_t end = 0;
};

double read_value(Text text) {
  const size_t whole = skip_digits(text, 0);
  const size_t fraction = whole < text.size() && text[whole] == U'.' ? skip_digits(text, whole + 1) : whole;
  const bool is_number = whole > 0 && fraction != whole + 1 && skip_spaces(text, fraction) == text.size();
  return is_number ? decimal_value(text.substr(0, fraction)) : std::numeric_limits<double>::quiet_NaN();
}

// Whether a value ends at `at`: by its quote or, without one, before white space, the tag's end or a comma of a list.
bool is_value_end(Text text, size_t at, bool is_quoted) {
  const char32_t c = text[at];
  if (is_quoted) return is_quote(c);
  return unicode::is_space(c) || c == U'>' || c == U'/' ||
         (c == U',' && at + 1 < text.size() && unicode::is_space(text[at + 1]));
}

std::optional<Attribute> read_attribute(Text text, size_t at) {
  if (at >= text.size() || (text[at] != U'x' && text[at] != U'y')) return std::nullopt;
  if (at > 0 && unicode::is_word(text[at - 1])) return std::nullopt;
  const char32_t name = text[at];
  at = skip_spaces(text, skip_digits(text, at + 1));
  if (at >= text.size() || text[at] != U'=') return std::nullopt;
  at = skip_spaces(text, at + 1);
  const bool is_quoted = at < text.size() && is_quote(text[at]);
  if (is_quoted) at = skip_spaces(text, at + 1);
  const size_t begin = at;
  while (at < text.size() && at < begin + kLongestValue && !is_value_end(text, at, is_quoted)) ++at;
  if (at >= text.size() || at == begin + kLongestValue) return std::nullopt;  // cut off, or no value at all
  return Attribute{name, read_value(text.substr(begin, at - begin)), at + (is_quoted ? 1 : 0)};
}

// From one attribute of a pair to the other: white space, with a comma in it or not.
size_t skip_gap(Text text, size_t at) {
  at = skip_spaces(text, at);
  return at < text.size() && text[at] == U',' ? skip_spaces(text, at + 1) : at;
}

std::vector<Point> read_attribute_pairs(Text text) {
  std::vector<Point> points;
  for (size_t at = 0; at < text.size();) {
    const auto first = read_attribute(text, at);
    if (!first) {
      ++at;
      continue;
    }
    at = skip_gap(text, first->end);
    const auto second = at > first->end ? read_attribute(text, at) : std::nullopt;
    if (!second || second->name == first->name) continue;  // the second may begin the next pair
    at = second->end;
    points.push_back(first->name == U'x' ? Point{first->value, second->value} : Point{second->value, first->value});
  }
  return points;
}

}  // namespace

std::vector<Point> read_points(std::string_view reply, ImageSize size) {
  const std::u32string text = unicode::plain_form(unicode::decode_utf8(reply));
  std::vector<Point> points = read_attribute_pairs(text);
  if (points.empty()) points = scan_other_spellings(text);
  std::erase_if(points, [](const Point& point) { return !(point[0] <= 100.0 && point[1] <= 100.0); });
  for (Point& point : points) point = {point[0] / 100.0 * size.width, point[1] / 100.0 * size.height};
  return points;
}

}  // namespace molmo::data
