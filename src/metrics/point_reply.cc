// SPDX-License-Identifier: Apache-2.0
#include "metrics/point_reply.h"

#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

// Reads forward through a text; every read says whether it succeeded. No form needs a step back: what may follow a
// repeated part never begins with that part's characters.
class Scanner {
 public:
  explicit Scanner(std::u32string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  std::u32string_view rest() const { return rest_; }

  bool read(std::u32string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  size_t skip_spaces() { return skip(is_space); }
  size_t skip_digits() { return skip(is_digit); }

  // Digits with an optional fraction.
  bool read_number() {
    if (skip_digits() == 0) return false;
    Scanner fraction = *this;
    if (fraction.read(U".") && fraction.skip_digits() > 0) *this = fraction;
    return true;
  }

 private:
  size_t skip(bool (*accepts)(char32_t)) {
    size_t n = 0;
    while (n < rest_.size() && accepts(rest_[n])) ++n;
    rest_.remove_prefix(n);
    return n;
  }
  std::u32string_view rest_;
};

bool read_three_digits(Scanner& scanner) {
  scanner.skip_spaces();
  return scanner.skip_digits() == 3;
}

// W* ddd W* , W* ddd W+
bool read_thousandths(Scanner& scanner) {
  if (!read_three_digits(scanner)) return false;
  scanner.skip_spaces();
  return scanner.read(U",") && read_three_digits(scanner) && scanner.skip_spaces() > 0;
}

// x="N" W+ with a number of digits after the letter if `is_indexed`.
bool read_attribute(Scanner& scanner, std::u32string_view letter, bool is_indexed) {
  if (!scanner.read(letter) || (is_indexed && scanner.skip_digits() == 0) || !scanner.read(U"=\"")) return false;
  scanner.skip_spaces();
  return scanner.read_number() && scanner.read(U"\"") && scanner.skip_spaces() > 0;
}

bool read_xy(Scanner& scanner, bool is_indexed) {
  return read_attribute(scanner, U"x", is_indexed) && read_attribute(scanner, U"y", is_indexed);
}

bool read_indexed_thousandths(Scanner& scanner) {
  return scanner.skip_digits() > 0 && scanner.read(U"=") && read_thousandths(scanner);
}

// alt="..." > ... closing tag, where ... is any text.
bool ends_with_alt(Scanner scanner, std::u32string_view closing) {
  if (!scanner.read(U"alt=\"")) return false;
  const std::u32string_view rest = scanner.rest();
  return rest.ends_with(closing) && contains(rest.substr(0, rest.size() - closing.size()), U"\">");
}

bool is_point_tag(Scanner scanner) {
  if (!scanner.read(U"<point") || scanner.skip_spaces() == 0) return false;
  const bool is_read = scanner.read(U"p=") ? read_thousandths(scanner) : read_xy(scanner, false);
  return is_read && ends_with_alt(scanner, U"</point>");
}

bool is_points_tag(Scanner scanner, bool (*read_pair)(Scanner&)) {
  if (!scanner.read(U"<points") || scanner.skip_spaces() == 0) return false;
  size_t num_pairs = 0;
  for (Scanner next = scanner; read_pair(next); scanner = next) ++num_pairs;
  return num_pairs > 0 && ends_with_alt(scanner, U"</points>");
}

// (x, y), with at most one newline after each.
bool is_point_list(Scanner scanner) {
  const auto read_coordinate = [&scanner] {
    scanner.skip_spaces();
    scanner.read(U"-");
    if (!scanner.read_number()) return false;
    scanner.skip_spaces();
    return true;
  };
  if (scanner.at_end()) return false;
  while (!scanner.at_end()) {
    if (!scanner.read(U"(") || !read_coordinate() || !scanner.read(U",") || !read_coordinate() || !scanner.read(U")"))
      return false;
    scanner.read(U"\n");
  }
  return true;
}

}  // namespace

bool is_point_reply(std::string_view reply) {
  const std::u32string text = decode_utf8(reply);
  const Scanner scanner(strip(std::u32string_view(text)));
  return is_point_list(scanner) || is_point_tag(scanner) ||
         is_points_tag(scanner, [](Scanner& s) { return read_xy(s, true); }) ||
         is_points_tag(scanner, read_indexed_thousandths);
}

}  // namespace molmo::metrics
