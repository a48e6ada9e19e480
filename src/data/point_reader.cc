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

using geometry::Point;

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

// A pair in percent and the place of its first letter.
struct PlacedPoint {
  Point point;
  size_t at = 0;
};

std::vector<PlacedPoint> read_attribute_pairs(Text text) {
  std::vector<PlacedPoint> points;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const auto first = read_attribute(text, at);
    if (!first) {
      ++at;
      continue;
    }
    at = skip_gap(text, first->end);
    const auto second = at > first->end ? read_attribute(text, at) : std::nullopt;
    if (!second || second->name == first->name) continue;  // the second may begin the next pair
    at = second->end;
    const bool is_x_first = first->name == U'x';
    points.push_back({is_x_first ? Point{first->value, second->value} : Point{second->value, first->value}, begin});
  }
  return points;
}

// The text between `begin` and `end`, both parts of `text`, without white space around it.
std::string cut(Text text, size_t begin, size_t end) {
  return unicode::encode_utf8(unicode::strip(text.substr(begin, end - begin)));
}

// Whether a quote before `at` ends an alt text: the tag ends there, or another attribute follows.
bool is_alt_end(Text tag, size_t at) {
  const size_t name = skip_spaces(tag, at);
  size_t end = name;
  while (end < tag.size() && unicode::is_word(tag[end])) ++end;
  return name == tag.size() || tag[name] == U'/' || (name > at && end > name && end < tag.size() && tag[end] == U'=');
}

// What the tag from `open` to `close` calls its points. Quotes in an alt text are not escaped.
std::string label_of(Text text, size_t open, size_t close) {
  const Text tag = text.substr(0, close);
  const size_t name = tag.find(U"alt", open);
  if (name != Text::npos) {
    const size_t equals = skip_spaces(tag, name + 3), quote = skip_spaces(tag, equals + 1);
    if (equals < close && tag[equals] == U'=' && quote < close && is_quote(tag[quote])) {
      for (size_t end = quote + 1; end < close; ++end) {
        if (is_quote(tag[end]) && is_alt_end(tag, end + 1)) return cut(tag, quote + 1, end);
      }
    }
  }
  const size_t next = text.find(U'<', close);
  return next == Text::npos ? "" : cut(text, close + 1, next);
}

// One walk over text and points, both from left to right.
std::vector<NamedPoint> name_points(Text text, const std::vector<PlacedPoint>& points) {
  std::vector<NamedPoint> named;
  size_t open = 0, close = 0;  // of the first tag that ends after the point
  std::optional<std::string> label;
  for (const PlacedPoint& point : points) {
    while (close != Text::npos && close < point.at) {
      label.reset();
      open = text.find(U'<', close);
      close = open == Text::npos ? open : text.find(U'>', open);
    }
    const bool is_inside = close != Text::npos && open < point.at && point.at < close;
    if (is_inside && !label) label = label_of(text, open, close);
    named.push_back({point.point, is_inside ? *label : ""});
  }
  return named;
}

}  // namespace

std::vector<NamedPoint> read_named_points(std::string_view reply, ImageSize size) {
  const std::u32string text = unicode::plain_form(unicode::decode_utf8(reply));
  std::vector<NamedPoint> points = name_points(text, read_attribute_pairs(text));
  if (points.empty()) {
    for (const Point& point : scan_other_spellings(text)) points.push_back({point, ""});
  }
  std::erase_if(points, [](const NamedPoint& p) { return !(p.point.x <= 100.0 && p.point.y <= 100.0); });
  for (NamedPoint& p : points) p.point = {p.point.x / 100.0 * size.width, p.point.y / 100.0 * size.height};
  return points;
}

std::vector<Point> read_points(std::string_view reply, ImageSize size) {
  std::vector<Point> points;
  for (const NamedPoint& named : read_named_points(reply, size)) points.push_back(named.point);
  return points;
}

}  // namespace molmo::data
