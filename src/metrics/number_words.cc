// SPDX-License-Identifier: Apache-2.0
#include "metrics/number_words.h"

#include <algorithm>
#include <iterator>

namespace molmo::metrics {
namespace {

constexpr std::u32string_view kSmall[] = {U"zero",    U"one",     U"two",       U"three",    U"four",
                                          U"five",    U"six",     U"seven",     U"eight",    U"nine",
                                          U"ten",     U"eleven",  U"twelve",    U"thirteen", U"fourteen",
                                          U"fifteen", U"sixteen", U"seventeen", U"eighteen", U"nineteen"};
constexpr std::u32string_view kTens[] = {U"twenty", U"thirty",  U"forty",  U"fifty",
                                         U"sixty",  U"seventy", U"eighty", U"ninety"};

template <size_t N>
std::optional<int64_t> place_in(const std::u32string_view (&list)[N], std::u32string_view word) {
  const auto found = std::find(std::begin(list), std::end(list), word);
  return found == std::end(list) ? std::nullopt : std::optional<int64_t>(found - std::begin(list));
}

// A number that grows word by word; each `take` says whether the word can belong to it.
class CardinalReader {
 public:
  bool take(std::u32string_view word) {
    if (const auto small = place_in(kSmall, word)) return take_small(*small);
    if (const auto tens = place_in(kTens, word)) return take_part(20 + 10 * *tens, Last::kTens);
    if (word == U"dozen") return take_factor(12);
    if (word == U"hundred") return take_factor(100);
    if (word == U"thousand") return take_scale(1'000);
    if (word == U"million") return take_scale(1'000'000);
    return false;
  }
  bool may_join_by_and() const { return last_ == Last::kScale; }
  int64_t value() const { return total_ + group_; }

 private:
  enum class Last { kNothing, kUnit, kTens, kScale };

  bool take_small(int64_t value) {
    if (last_ == Last::kTens && value >= 1 && value <= 9) return group_ += value, last_ = Last::kUnit, true;
    return take_part(value, Last::kUnit);
  }
  bool take_part(int64_t value, Last kind) {
    if (last_ != Last::kNothing && last_ != Last::kScale) return false;
    return group_ += value, last_ = kind, true;
  }
  bool take_factor(int64_t factor) {
    if (last_ == Last::kScale || group_ > 99) return false;
    group_ = (last_ == Last::kNothing ? 1 : group_) * factor;
    return last_ = Last::kScale, true;
  }
  bool take_scale(int64_t scale) {
    if (last_ != Last::kNothing && group_ == 0) return false;
    total_ += (last_ == Last::kNothing ? 1 : group_) * scale;
    return group_ = 0, last_ = Last::kScale, true;
  }

  Last last_ = Last::kNothing;
  int64_t total_ = 0, group_ = 0;  // thousands and millions; what is below
};

}  // namespace

std::optional<Cardinal> read_cardinal(std::span<const std::u32string_view> words) {
  CardinalReader reader;
  size_t end = 0;
  while (end < words.size()) {
    const bool joins = words[end] == U"and" && end + 1 < words.size() && reader.may_join_by_and();
    if (!reader.take(words[end + (joins ? 1 : 0)])) break;
    end += joins ? 2 : 1;
  }
  return end == 0 ? std::nullopt : std::optional(Cardinal{reader.value(), end});
}

}  // namespace molmo::metrics
