// SPDX-License-Identifier: Apache-2.0
#include "metrics/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr size_t kMaxIntegerDigits = 4300;
constexpr int64_t kIntegerClamp = 1'000'000'000'000'000'000;

// ASCII form of a number: stripped, digits of any script as 0-9, lower-case letters; nothing where another character
// stands in it or an underscore is not between two digits.
std::optional<std::string> normalize_number(std::u32string_view text) {
  // PARITY: Python strips U+001C..1F from text, but not from numbers.
  if (std::any_of(text.begin(), text.end(), [](char32_t c) { return c >= 0x1c && c <= 0x1f; })) return std::nullopt;
  std::string out;
  bool after_underscore = false;
  for (const char32_t c : strip(text)) {
    const int digit = digit_value(c);
    if (after_underscore && digit < 0) return std::nullopt;
    after_underscore = c == U'_';
    if (after_underscore) {
      if (out.empty() || out.back() < '0' || out.back() > '9') return std::nullopt;
    } else if (digit >= 0) {
      out += static_cast<char>('0' + digit);
    } else if (c < 0x80) {
      out += static_cast<char>(c >= U'A' && c <= U'Z' ? c + 32 : c);
    } else {
      return std::nullopt;
    }
  }
  if (after_underscore) return std::nullopt;
  return out;
}

size_t count_digits(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789");
  return end == text.npos ? text.size() : end;
}

// Whether `text` (no sign) is digits, with an optional fraction and exponent.
bool is_decimal_number(std::string_view text) {
  const size_t whole = count_digits(text);
  text.remove_prefix(whole);
  size_t fraction = 0;
  if (text.starts_with('.')) {
    fraction = count_digits(text.substr(1));
    text.remove_prefix(1 + fraction);
  }
  if (whole + fraction == 0) return false;
  if (!text.starts_with('e')) return text.empty();
  text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && count_digits(text) == text.size();
}

// Infinity or zero for a number that std::from_chars finds out of range: by the sign of its decimal exponent.
double out_of_range_value(std::string_view text) {
  const size_t e = text.find('e');
  const std::string_view mantissa = text.substr(0, e);
  long exponent = 0;
  if (e != text.npos) {
    const bool is_negative = text[e + 1] == '-';
    std::string_view digits = text.substr(e + 1 + (is_negative || text[e + 1] == '+' ? 1 : 0));
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    exponent = digits.size() > 9 ? 1'000'000'000 : digits.empty() ? 0 : std::stol(std::string(digits));
    if (is_negative) exponent = -exponent;
  }
  const auto point = static_cast<long>(std::min(mantissa.find('.'), mantissa.size()));
  const auto first = static_cast<long>(std::min(mantissa.find_first_of("123456789"), mantissa.size()));
  return exponent + point - first > 0 ? std::numeric_limits<double>::infinity() : 0.0;
}

double read_decimal(std::string_view text) {
  double value = 0.0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc::result_out_of_range ? out_of_range_value(text) : value;
}

// Rounds the decimal text of a non-negative number with fraction to a multiple of 10^zeros, half to even.
double round_to_power(const std::string& exact, int zeros) {
  const size_t point = exact.find('.');
  std::string whole(static_cast<size_t>(zeros) + 1, '0');
  whole += exact.substr(0, point);
  const std::string rest = whole.substr(whole.size() - zeros) + exact.substr(point + 1);
  std::string kept = whole.substr(0, whole.size() - zeros);
  const bool is_tie = rest[0] == '5' && rest.find_first_not_of('0', 1) == rest.npos;
  if (is_tie ? (kept.back() - '0') % 2 == 1 : rest[0] >= '5') {
    size_t i = kept.size() - 1;
    while (kept[i] == '9') kept[i--] = '0';  // the leading zeros stop the carry
    ++kept[i];
  }
  return read_decimal(kept + "e" + std::to_string(zeros));
}

std::string print_shortest(double value, std::chars_format format) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value, format);
  return std::string(buffer, result.ptr);
}

std::string without_negative_zero(std::string text) { return text == "-0" ? "0" : text; }

}  // namespace

std::optional<double> parse_float(std::u32string_view text) {
  const std::optional<std::string> normalized = normalize_number(text);
  if (!normalized) return std::nullopt;
  std::string_view number = *normalized;
  const bool is_negative = number.starts_with('-');
  if (is_negative || number.starts_with('+')) number.remove_prefix(1);
  double value;
  if (number == "inf" || number == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (number == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (is_decimal_number(number)) {
    value = read_decimal(number);
  } else {
    return std::nullopt;
  }
  return is_negative ? -value : value;
}

std::optional<Integer> parse_integer(std::u32string_view text) {
  const std::optional<std::string> normalized = normalize_number(text);
  if (!normalized) return std::nullopt;
  std::string_view number = *normalized;
  const bool is_negative = number.starts_with('-');
  if (is_negative || number.starts_with('+')) number.remove_prefix(1);
  if (number.empty() || count_digits(number) != number.size() || number.size() > kMaxIntegerDigits) return std::nullopt;
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size() - 1));
  Integer integer{std::string(number), kIntegerClamp};
  if (number.size() <= 18) std::from_chars(number.data(), number.data() + number.size(), integer.value);
  if (is_negative && number != "0") {
    integer.digits.insert(0, 1, '-');
    integer.value = -integer.value;
  }
  return integer;
}

std::string format_shortest(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const std::string scientific = print_shortest(value, std::chars_format::scientific);
  const size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  if (value != 0.0 && (exponent < -4 || exponent >= 16)) return scientific;
  const std::string fixed = print_shortest(value, std::chars_format::fixed);
  return fixed.find('.') == fixed.npos ? fixed + ".0" : fixed;
}

double round_decimals(double value, int digits) {
  if (!std::isfinite(value) || value == 0.0 || digits > 330) return value;
  if (digits < -310) return std::copysign(0.0, value);
  if (digits >= 0) return std::copysign(read_decimal(fmt::format("{:.{}f}", std::abs(value), digits)), value);
  return std::copysign(round_to_power(fmt::format("{:.1080f}", std::abs(value)), -digits), value);
}

std::string format_rounded(double value) {
  MOLMO_CHECK(std::isfinite(value));
  return without_negative_zero(fmt::format("{:.0f}", std::nearbyint(value)));
}

std::string format_truncated(double value) {
  MOLMO_CHECK(std::isfinite(value));
  return without_negative_zero(fmt::format("{:.0f}", std::trunc(value)));
}

}  // namespace molmo::metrics
