// SPDX-License-Identifier: Apache-2.0
#include "metrics/clean_prediction.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "base/unicode_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr std::u32string_view kAnswer = U"Answer:";

std::u32string most_frequent_line(std::u32string_view text) {
  std::unordered_map<std::u32string, size_t> places;
  std::vector<std::pair<std::u32string, int>> counts;  // in the order of their first lines
  for (size_t begin = 0;;) {
    const size_t end = std::min(text.find(U'\n', begin), text.size());
    const std::u32string line = collapse_space(text.substr(begin, end - begin));
    const auto [place, is_new] = places.try_emplace(line, counts.size());
    if (is_new) counts.emplace_back(line, 0);
    ++counts[place->second].second;
    if (end == text.size()) break;
    begin = end + 1;
  }
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

}  // namespace

std::string clean_prediction(std::string_view reply) {
  const std::u32string decoded = decode_utf8(reply);
  std::u32string_view text = strip(std::u32string_view(decoded));
  if (const size_t found = text.find(kAnswer); found != text.npos) {
    text.remove_prefix(found + kAnswer.size());
    return encode_utf8(strip(text.substr(0, text.find(kAnswer))));
  }
  return encode_utf8(contains(text, U"\n") ? most_frequent_line(text) : collapse_space(text));
}

std::string clean_submission(std::string_view reply) {
  const std::u32string decoded = decode_utf8(reply);
  const std::u32string_view text = strip(std::u32string_view(decoded));
  return encode_utf8(contains(text, U"\n") ? most_frequent_line(text) : std::u32string(text));
}

}  // namespace molmo::metrics
