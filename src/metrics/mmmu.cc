// SPDX-License-Identifier: Apache-2.0
#include "metrics/mmmu.h"

#include <algorithm>
#include <cmath>

#include "base/unicode_text.h"
#include "metrics/mmmu_numbers.h"
#include "metrics/number_text.h"
#include "molmo/error.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr size_t kMaxOptions = 26, kMinWordsForOptionText = 6;
constexpr std::u32string_view kLoneMarks = U":,.!?;'";
constexpr std::u32string_view kIndicators[] = {U"could be ", U"so ",     U"is ",     U"thus ", U"therefore ",
                                               U"final ",    U"answer ", U"result ", U"="};

// What stands for an option in the response, and the response as it is searched for it.
struct OptionSearch {
  std::u32string text;
  std::vector<std::u32string> names;

  std::vector<size_t> present() const {
    std::vector<size_t> found;
    for (size_t i = 0; i < names.size(); ++i) {
      if (contains(text, names[i])) found.push_back(i);
    }
    return found;
  }
  // Of the options present the one that occurs last; the first of those that share a place.
  std::optional<char> last_named() const {
    std::optional<size_t> best;
    for (const size_t i : present()) {
      if (!best || text.rfind(names[i]) > text.rfind(names[*best])) best = i;
    }
    return best ? std::optional(static_cast<char>('A' + *best)) : std::nullopt;
  }
};

std::u32string strip_marks_and_pad(std::string_view response) {
  const std::u32string decoded = decode_utf8(response);
  std::u32string_view text = decoded;
  for (const char32_t mark : std::u32string_view(U",.!?;:'")) text = strip(text, {&mark, 1});
  std::u32string padded(1, U' ');
  padded += text;
  return padded += U' ';
}

// The shortest text after the last occurrence of an indicator; the indicators in order, "=" in the last piece only.
std::u32string conclusion(std::u32string_view piece, bool is_last_piece) {
  std::u32string_view shortest;
  for (const std::u32string_view indicator : kIndicators) {
    if (indicator == U"=" && !is_last_piece) continue;
    const size_t found = piece.rfind(indicator);
    if (found == piece.npos) continue;
    const std::u32string_view tail = strip(piece.substr(found + indicator.size()));
    if (shortest.empty() || tail.size() < shortest.size()) shortest = tail;
  }
  const bool is_lone_mark = shortest.size() == 1 && contains(kLoneMarks, shortest);
  return is_lone_mark ? std::u32string() : std::u32string(shortest);
}

std::vector<std::u32string> conclusions(std::u32string_view text) {
  std::vector<std::u32string> found;
  for (size_t begin = 0;;) {
    const size_t end = text.find(U'\n', begin);
    std::u32string part = conclusion(text.substr(begin, end - begin), end == text.npos);
    if (!part.empty()) found.push_back(std::move(part));
    if (end == text.npos) break;
    begin = end + 1;
  }
  if (found.empty()) found.emplace_back(text);
  return found;
}

// Numbers rising, NaN after them, then texts by code point (which is the order of their bytes).
bool is_before(const MmmuCandidate& a, const MmmuCandidate& b) {
  if (a.index() != b.index()) return a.index() < b.index();
  if (a.index() == 1) return std::get<1>(a) < std::get<1>(b);
  const double x = std::get<0>(a), y = std::get<0>(b);
  return std::isnan(y) ? !std::isnan(x) : x < y;
}

std::optional<double> parse_with_commas(std::u32string_view text) { return parse_float(replace_all(text, U",", U"")); }

}  // namespace

std::vector<std::string> mmmu_options(std::span<const std::string> options) {
  std::vector<std::string> kept;
  for (const std::string& option : options) {
    if (!option.empty() && kept.size() < kMaxOptions) kept.push_back(option);
  }
  return kept;
}

std::optional<char> parse_mmmu_letter(std::string_view response, std::span<const std::string> options) {
  const std::vector<std::string> kept = mmmu_options(options);
  if (kept.empty()) throw Error("[mmmu] a multiple-choice question without options, expected at least one");
  OptionSearch bracketed{strip_marks_and_pad(response), {}}, spaced = bracketed;
  OptionSearch by_text{lower(bracketed.text), {}};
  for (size_t i = 0; i < kept.size(); ++i) {
    const std::u32string letter(1, static_cast<char32_t>(U'A' + i));
    bracketed.names.push_back(U"(" + letter + U")");
    spaced.names.push_back(U" " + letter + U" ");
    by_text.names.push_back(lower(decode_utf8(kept[i])));
  }
  if (const auto letter = bracketed.last_named()) return letter;
  if (const auto letter = spaced.last_named()) return letter;
  if (split_words(bracketed.text).size() < kMinWordsForOptionText) return std::nullopt;
  return by_text.last_named();
}

bool is_mmmu_number(std::string_view text) { return parse_with_commas(decode_utf8(text)).has_value(); }

std::vector<MmmuCandidate> normalize_mmmu_text(std::string_view text) {
  const std::u32string decoded = decode_utf8(text);
  const std::u32string_view stripped = strip(std::u32string_view(decoded));
  if (const auto number = parse_with_commas(stripped)) return {round_decimals(*number, 2)};
  const std::string lowered = encode_utf8(lower(stripped));
  if (count_characters(lowered) == 1) return {" " + lowered, lowered + " "};
  return {lowered};
}

std::vector<MmmuCandidate> parse_mmmu_open(std::string_view response) {
  const std::u32string lowered = lower(decode_utf8(response));
  std::vector<MmmuCandidate> candidates;
  const auto add = [&](std::string_view text) {
    for (MmmuCandidate& candidate : normalize_mmmu_text(text)) candidates.push_back(std::move(candidate));
  };
  for (const std::u32string& part : conclusions(strip(strip(std::u32string_view(lowered)), U"."))) {
    const std::string text = encode_utf8(part);
    add(text);
    for (const std::string& number : find_mmmu_numbers(text)) add(number);
  }
  std::sort(candidates.begin(), candidates.end(), is_before);
  const auto is_same = [](const MmmuCandidate& a, const MmmuCandidate& b) {
    return !is_before(a, b) && !is_before(b, a);
  };
  candidates.erase(std::unique(candidates.begin(), candidates.end(), is_same), candidates.end());
  return candidates;
}

bool is_mmmu_open_correct(std::span<const MmmuCandidate> candidates, std::span<const std::string> answers) {
  for (const std::string& answer : answers) {
    for (const MmmuCandidate& target : normalize_mmmu_text(answer)) {
      const bool is_met = std::any_of(candidates.begin(), candidates.end(), [&](const MmmuCandidate& candidate) {
        if (candidate.index() != target.index()) return false;
        if (target.index() == 0) return std::get<0>(candidate) == std::get<0>(target);
        return std::get<1>(candidate).find(std::get<1>(target)) != std::string::npos;
      });
      if (is_met) return true;
    }
  }
  return false;
}

}  // namespace molmo::metrics
