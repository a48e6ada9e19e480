// SPDX-License-Identifier: Apache-2.0
// Language semantics: numbers as text, Unicode classes, edit distance.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/unicode_text.h"
#include "metrics/number_text.h"
#include "oracles/metrics/lines.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

using Text = std::u32string;

Json numbers_op(const std::string& op, const Json& row) {
  if (op == "float") {
    const auto value = parse_float(decode_utf8(row.at("text").get<std::string>()));
    return value ? Json(*value) : Json();
  }
  if (op == "int") {
    const auto value = parse_integer(decode_utf8(row.at("text").get<std::string>()));
    return value ? Json(value->digits) : Json();
  }
  const double value = read_number(row.at("value"));
  if (op == "round") return round_decimals(value, row.at("digits"));
  if (op == "repr") return format_shortest(value);
  if (op == "format_1") return fmt::format("{:.1f}", value);
  if (!std::isfinite(value)) return {};
  return op == "round_int" ? format_rounded(value) : format_truncated(value);
}

Json pieces(const std::vector<std::u32string_view>& words) {
  Json list = Json::array();
  for (const auto word : words) list.push_back(encode_utf8(word));
  return list;
}

std::vector<std::u32string_view> find_words(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    while (i < text.size() && is_word(text[i])) ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
    if (i == begin) ++i;
  }
  return words;
}

// Whether `1\b` matches somewhere.
bool has_one_at_word_end(std::u32string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == U'1' && (i + 1 == text.size() || !is_word(text[i + 1]))) return true;
  }
  return false;
}

Json text_op(const std::string& op, const std::u32string_view text) {
  if (op == "lower") return encode_utf8(lower(text));
  if (op == "length") return text.size();
  if (op == "words") return pieces(find_words(text));
  if (op == "strip") return encode_utf8(strip(text));
  if (op == "split") return pieces(split_words(text));
  if (op == "regex_space") return std::count_if(text.begin(), text.end(), is_space);
  if (op == "regex_dot") return text.find(U'\n') == text.npos;
  if (op == "regex_digit") return is_digit(text.at(0));
  if (op == "regex_word") return is_word(text.at(0));
  if (op == "word_boundary") return has_one_at_word_end(U"1" + std::u32string(text));
  if (op == "rstrip_dot") return encode_utf8(strip_right(text, U"."));
  if (op == "strip_dot") return encode_utf8(strip(text, U"."));
  if (op == "rstrip_percent") return encode_utf8(strip_right(text, U"%"));
  return {};
}

GOLDEN_LINES(numeric) {
  const std::string op = row.at("op"), what = id + " " + op;
  Json got;
  if (op == "edit_distance") {
    got = edit_distance(decode_utf8(row.at("a").get<std::string>()), decode_utf8(row.at("b").get<std::string>()));
  } else if (row.contains("value") || op == "float" || op == "int") {
    got = numbers_op(op, row);
  } else {
    got = text_op(op, decode_utf8(row.at("text").get<std::string>()));
  }
  if (row.contains("raises")) return golden.expect_true(what + " must not parse", got.is_null());
  if (op == "regex_space" || got.is_string()) return golden.expect_text(what, got.dump(), row.at("out").dump());
  if (got.is_number_float()) return golden.expect_near(what, got.get<double>(), read_number(row.at("out")), 0.0);
  golden.expect_text(what, got.dump(), row.at("out").dump());
}

}  // namespace
}  // namespace molmo::metrics
