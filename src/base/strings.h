// Small text functions: nearest names for "did you mean", joins, splits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo {

/// Splits at every `separator`; empty pieces are kept.
std::vector<std::string> split_text(std::string_view text, char separator);

/// Joins with `separator` between.
std::string join_text(const std::vector<std::string>& pieces, std::string_view separator);

/// Drops ASCII white space at both ends.
std::string_view trim_text(std::string_view text);

/// Lower-cases ASCII letters only (Unicode lower-casing is in base/unicode_text.h).
std::string lower_ascii(std::string_view text);

/// Levenshtein distance in bytes.
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name` if it is plausibly meant (distance at most max(2, a third of its length)), else "".
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// Formats a byte count: "3.2 GiB".
std::string format_bytes(double num_bytes);

/// Formats seconds: "850 ms", "12.3 s", "4:05", "1:02:03".
std::string format_duration(double seconds);

/// Base64 with padding (RFC 4648).
std::string encode_base64(std::string_view data);

}  // namespace molmo
