// SPDX-License-Identifier: Apache-2.0
// The three number searches of MMMU's parser. They are written as backtracking patterns there; read longest first they
// need no step back, because what must not or must follow a number decides at the end of its digits.
#include "metrics/mmmu_numbers.h"

#include <algorithm>

#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

using Text = std::u32string_view;

size_t digits_end(Text text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

bool is_at(Text text, size_t at, char32_t c) { return at < text.size() && text[at] == c; }

bool is_word_boundary(Text text, size_t at) {
  const bool before = at > 0 && is_word(text[at - 1]), after = at < text.size() && is_word(text[at]);
  return before != after;
}

size_t skip_minus(Text text, size_t at) { return is_at(text, at, U'-') ? at + 1 : at; }

// The place after an exponent at `at`, or `at` where there is none.
size_t exponent_end(Text text, size_t at) {
  if (!is_at(text, at, U'e') && !is_at(text, at, U'E')) return at;
  const size_t digits = is_at(text, at + 1, U'+') || is_at(text, at + 1, U'-') ? at + 2 : at + 1;
  const size_t end = digits_end(text, digits);
  return end > digits ? end : at;
}

// The place after a fraction ".ddd" at `at`, or `at` where there is none.
size_t fraction_end(Text text, size_t at) {
  if (!is_at(text, at, U'.')) return at;
  const size_t end = digits_end(text, at + 1);
  return end > at + 1 ? end : at;
}

// Each returns the place after the match that begins at `begin`, or `begin`.

// -?\b ddd (,ddd)+ \b
size_t match_with_commas(Text text, size_t begin) {
  const size_t digits = skip_minus(text, begin), digits_stop = digits_end(text, digits);
  const size_t num_digits = digits_stop - digits;
  if (num_digits < 1 || num_digits > 3 || !is_word_boundary(text, digits)) return begin;
  size_t end = begin;
  for (size_t at = digits_stop; is_at(text, at, U',');) {
    const size_t group_end = digits_end(text, at + 1);
    if (group_end < at + 4) break;
    if (is_word_boundary(text, at + 4)) end = at + 4;
    at += 4;
  }
  return end;
}

// -? digits, optional fraction, exponent
size_t match_scientific(Text text, size_t begin) {
  const size_t digits = skip_minus(text, begin), whole = digits_end(text, digits);
  if (whole == digits) return begin;
  const size_t mantissa = fraction_end(text, whole), end = exponent_end(text, mantissa);
  return end > mantissa ? end : begin;
}

bool is_plain_end(Text text, size_t at) {
  return exponent_end(text, at) == at && !is_at(text, at, U',') && !(at < text.size() && is_digit(text[at]));
}

// -? (digits.digits | .digits | digits \b), no exponent, comma or digit after it
size_t match_plain(Text text, size_t begin) {
  const size_t digits = skip_minus(text, begin), whole = digits_end(text, digits);
  const size_t fraction = fraction_end(text, whole);
  if (fraction > whole && is_plain_end(text, fraction)) return fraction;
  if (whole > digits && is_word_boundary(text, whole) && is_plain_end(text, whole)) return whole;
  return begin;
}

// Where no match begins at a digit, none begins within the rest of its run: what decides comes after all of them. So
// every run is looked at once, however long it is.
void find_all(Text text, size_t (*match)(Text, size_t), std::vector<std::string>* found) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = match(text, at);
    if (end > at) found->push_back(encode_utf8(text.substr(at, end - at)));
    at = end > at ? end : std::max(at + 1, digits_end(text, at));
  }
}

}  // namespace

std::vector<std::string> find_mmmu_numbers(std::string_view text) {
  const std::u32string decoded = decode_utf8(text);
  std::vector<std::string> found;
  for (const auto match : {match_with_commas, match_scientific, match_plain}) find_all(decoded, match, &found);
  return found;
}

}  // namespace molmo::metrics
