// Clock reading as the embedded task scores it: the time that a reply names, in a sentence too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "metrics/clock.h"

namespace molmo::metrics {

/// The first time "h:mm" or "h:mm:ss" in a text, in digits of any script: hour 0 to 24, minute and second 0 to 59, a
/// digit or two each. The hour is that of a dial, 0 to 11: whether it is morning is not on the clock. Empty if the text
/// names none.
std::optional<ClockTime> read_clock_time(std::string_view text);

/// 1 if the reply names the time of an answer, to the minute, and to the second where the answer has seconds; else 0.
/// An answer that is no time is compared as a short answer.
double clock_reply_score(std::string_view reply, std::span<const std::string> answers);

}  // namespace molmo::metrics
