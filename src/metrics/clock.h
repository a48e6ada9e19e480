// Clock reading: hour, minute and second of a reply like "10:09". Facts: spec/eval.md §1.10 Clocks. Paper: [P Tab.10].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "metrics/scoring_mode.h"

namespace molmo::metrics {

/// A time on a clock face; hour -1: the clock cannot be read. second -1: it has no second hand.
struct ClockTime {
  int64_t hour = -1, minute = -1, second = -1;
};

/// Which set a clock comes from: the benchmark (tolerance 1 minute, also across a full hour; 12-hour time) or synthetic
/// training data (tolerance 3 and no wrap: "3:01" is not close to 3:58; "PM" adds 12 hours; seconds).
enum class ClockSet { kBenchmark, kSynthetic };

/// Scores of one reply; a part that the reference time does not have is unset.
struct ClockScore {
  std::optional<bool> correctly_declines;  ///< for an unreadable clock only: no colon in the reply
  std::optional<bool> hour_correct, minute_correct, second_correct, minute_close, second_close;
  std::optional<bool> all_correct, all_close;
  bool overall_exact = false, overall_close = false;
};

/// Scores replies in their order. The order matters in reference mode: a part that does not parse silently keeps the
/// value of the reply before (PARITY), and is an Error in the first.
class ClockScorer {
 public:
  explicit ClockScorer(ClockSet set, ScoringMode mode = ScoringMode::kReference) : set_(set), mode_(mode) {}
  ClockScore score(std::string_view reply, ClockTime reference);

 private:
  bool is_wrapped_close(const std::optional<int64_t>& hour, const std::optional<int64_t>& minute,
                        ClockTime reference) const;

  ClockSet set_;
  ScoringMode mode_;
  std::optional<int64_t> last_hour_, last_minute_;
};

/// One reply on its own in fixed mode. (The embedded task reads sentences too: metrics/clock_reply.h.)
ClockScore clock_score(std::string_view reply, ClockTime reference, ClockSet set = ClockSet::kBenchmark);

}  // namespace molmo::metrics
