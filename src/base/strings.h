// Small text functions: joins, splits, numbers as people read them.
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

/// The same for a list of any length: the first `most` pieces, then "and 12 more".
std::string join_some(const std::vector<std::string>& pieces, std::string_view separator, size_t most = 5);

/// Drops ASCII white space at both ends.
std::string_view trim_text(std::string_view text);

/// The first `max_bytes` bytes and "..." where `text` is longer; a UTF-8 character is not cut in two.
std::string clip_text(std::string_view text, size_t max_bytes);

/// Lower-cases ASCII letters only (Unicode lower-casing is in base/unicode_text.h).
std::string lower_ascii(std::string_view text);

/// Formats a byte count: "3.2 GiB".
std::string format_bytes(double num_bytes);

/// Formats seconds: "850 ms", "12.3 s", "4:05", "1:02:03"; "a long time" for decades, infinity and NaN.
std::string format_duration(double seconds);

/// Base64 with padding (RFC 4648).
std::string encode_base64(std::string_view data);

}  // namespace molmo
