// SPDX-License-Identifier: Apache-2.0
// Hand-written scanners for the four spellings.
#include "data/point_scanner.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/unicode_text.h"
#include "data/points.h"

namespace molmo::data {
namespace {

using geometry::Box;
using geometry::Point;

bool is_ascii_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

/// Reads a text from one place; every `read_` moves on and says whether it could, every `skip_` moves over what is
/// there.
class Cursor {
 public:
  Cursor(const std::u32string& text, size_t position) : text_(text), position_(position) {}
  size_t position() const { return position_; }

  bool read(std::string_view literal) {
    for (char c : literal) {
      if (current() != static_cast<char32_t>(c)) return false;
      ++position_;
    }
    return true;
  }
  void skip_one(char32_t c) { position_ += current() == c; }
  size_t skip_spaces() { return skip_while(unicode::is_space); }
  size_t skip_index() { return skip_while(unicode::is_digit); }

  /// `12.5` with exactly one decimal; nothing is asked of what follows.
  bool read_tenths(double& value) { return read_number(value, /*min_decimals=*/1, /*max_decimals=*/1); }
  /// `12.5` with any number of decimals, at least one, in the digits of any script.
  bool read_decimal(double& value) {
    const size_t begin = position_;
    if (skip_index() == 0 || !read(".") || skip_index() == 0) return false;
    value = value_from(begin);
    return true;
  }
  /// `12` or `12.5`.
  bool read_number(double& value) { return read_number(value, 0, kMany); }

  /// Exactly three digits (further ones stay).
  bool read_three_digits(double& value) {
    value = 0;
    for (int i = 0; i < 3; ++i, ++position_) {
      if (!is_ascii_digit(current())) return false;
      value = value * 10 + static_cast<double>(current() - U'0');
    }
    return true;
  }

 private:
  static constexpr size_t kMany = SIZE_MAX;
  char32_t current() const { return position_ < text_.size() ? text_[position_] : U'\0'; }

  template <class Predicate>
  size_t skip_while(Predicate holds) {
    const size_t begin = position_;
    while (position_ < text_.size() && holds(text_[position_])) ++position_;
    return position_ - begin;
  }

  // The fraction is taken where it has at least one digit; `min_decimals` 1 makes it compulsory.
  bool read_number(double& value, size_t min_decimals, size_t max_decimals) {
    const size_t begin = position_;
    if (skip_while(is_ascii_digit) == 0) return false;
    const size_t whole_end = position_;
    skip_one(U'.');
    size_t decimals = 0;
    for (; position_ > whole_end && decimals < max_decimals && is_ascii_digit(current()); ++decimals) ++position_;
    if (decimals < min_decimals) return false;
    if (decimals == 0) position_ = whole_end;
    value = value_from(begin);
    return true;
  }
  double value_from(size_t begin) const {
    return decimal_value(std::u32string_view(text_).substr(begin, position_ - begin));
  }

  const std::u32string& text_;
  size_t position_;
};

bool read_click(Cursor& at, Point& p) {
  if (!at.read("Click(") || !at.read_tenths(p.x) || !at.read(",")) return false;
  at.skip_one(U' ');
  return at.read_tenths(p.y) && at.read(")");
}

bool read_bracket(Cursor& at, Point& p) {
  if (!at.read("(") || !at.read_tenths(p.x)) return false;
  at.skip_one(U',');
  at.skip_one(U' ');
  return at.read_tenths(p.y) && at.read(")");
}

bool read_free_bracket(Cursor& at, Point& p) {
  if (!at.read("(")) return false;
  at.skip_spaces();
  if (!at.read_decimal(p.x)) return false;
  at.skip_spaces();
  at.skip_one(U',');
  at.skip_spaces();
  if (!at.read_decimal(p.y)) return false;
  at.skip_spaces();
  return at.read(")");
}

bool read_attribute(Cursor& at, std::string_view name, double& value) {
  if (!at.read(name)) return false;
  at.skip_index();
  if (!at.read("=\"")) return false;
  at.skip_spaces();
  return at.read_number(value) && at.read("\"");
}

bool read_attributes(Cursor& at, Point& p) {
  return read_attribute(at, "x", p.x) && at.skip_spaces() > 0 && read_attribute(at, "y", p.y);
}

bool read_thousandths(Cursor& at, Point& p) {
  if (at.skip_index() == 0 && !at.read("p")) return false;
  at.skip_spaces();
  if (!at.read("=")) return false;
  at.skip_spaces();
  if (!at.read_three_digits(p.x)) return false;
  at.skip_spaces();
  if (!at.read(",")) return false;
  at.skip_spaces();
  if (!at.read_three_digits(p.y)) return false;
  p.x /= 10.0, p.y /= 10.0;
  return true;
}

bool read_decimal_pair(Cursor& at, Point& p) {
  if (!at.read_decimal(p.x) || !at.read(",")) return false;
  at.skip_spaces();
  return at.read_decimal(p.y);
}

// Every match from left to right without overlap; pairs with a value above 100 are dropped.
void scan(const std::u32string& text, bool (*read)(Cursor&, Point&), std::vector<Point>& out) {
  for (size_t i = 0; i < text.size();) {
    Cursor at(text, i);
    Point point{};
    if (!read(at, point)) {
      // A number that fails fails from each of its digits: leave it whole, so that long digit runs stay linear.
      const bool in_number = unicode::is_digit(text[i]);
      do ++i;
      while (in_number && i < text.size() && unicode::is_digit(text[i]));
      continue;
    }
    i = at.position();
    if (std::max(point.x, point.y) <= 100.0) out.push_back(point);
  }
}

}  // namespace

// Not strtod, whose decimal point is the locale's: a host of the library may have set one.
double decimal_value(std::u32string_view number) {
  std::string digits;
  for (const char32_t c : number) digits += c == U'.' ? '.' : static_cast<char>('0' + unicode::digit_value(c));
  double value = 0.0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec != std::errc::result_out_of_range) return value;
  const bool is_huge = digits.find_first_not_of('0') < digits.find('.');
  return is_huge ? std::numeric_limits<double>::infinity() : 0.0;
}

std::vector<Point> scan_other_spellings(const std::u32string& text) {
  std::vector<Point> points;
  for (auto* read : {read_thousandths, read_click, read_free_bracket}) {
    scan(text, read, points);
    if (!points.empty()) break;
  }
  return points;
}

std::vector<Point> extract_points(std::string_view text, ImageSize size) {
  const std::u32string characters = unicode::decode_utf8(text);
  std::vector<Point> points;
  for (auto* read : {read_click, read_bracket, read_attributes, read_thousandths}) scan(characters, read, points);
  for (Point& p : points) p = {p.x / 100.0 * size.width, p.y / 100.0 * size.height};
  return points;
}

std::vector<Box> extract_boxes(std::string_view text, ImageSize size) {
  const std::vector<Point> points = extract_points(text, size);
  std::vector<Box> boxes;
  for (size_t i = 0; i + 1 < points.size(); i += 2) {
    boxes.push_back({points[i].x, points[i].y, points[i + 1].x, points[i + 1].y});
  }
  return boxes;
}

std::vector<Point> extract_count_points(std::string_view text, ImageSize size) {
  std::vector<Point> points;
  scan(unicode::decode_utf8(text), read_decimal_pair, points);
  for (Point& p : points) p = {p.x * size.width, p.y * size.height};
  return points;
}

}  // namespace molmo::data
