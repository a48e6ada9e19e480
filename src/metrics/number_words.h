// Numbers spelled out in English.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace molmo::metrics {

/// A number at the beginning of some words, and how many of them it takes.
struct Cardinal {
  int64_t value = 0;
  size_t num_words = 0;
};

/// Reads the longest number from lower-case words without hyphens: "twelve", "twenty one", "one hundred and five",
/// "two thousand", "dozen". Empty if the first word is no number.
std::optional<Cardinal> read_cardinal(std::span<const std::u32string_view> words);

}  // namespace molmo::metrics
