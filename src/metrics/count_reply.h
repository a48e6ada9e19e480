// Counting as the embedded task scores it: the number that a reply names, in a sentence too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace molmo::metrics {

/// The count that a reply names. First as the benchmark reads it (metrics/count.h: the last word, or "a total of N");
/// else the one number of the text outside of point tags, in digits of any script ("1,200", "12.0", "**12**") or words
/// ("twenty-one"), where "none" counts as 0; else 0 if the text says that there is none. Empty where two different
/// numbers, or a fraction, a percentage or an amount of money, leave it open.
std::optional<int64_t> read_count(std::string_view reply);

}  // namespace molmo::metrics
