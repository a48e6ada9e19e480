// The headers of an answer, and the few whose values are more than a word.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace molmo::hub {

class HttpHeaders {
 public:
  /// One line as it comes; a status line begins a new answer. Returns false where they are more than any server needs.
  bool add_line(std::string_view line);

  /// By lower-case name; "" where there is none.
  std::string get(const std::string& name) const;
  bool has(const std::string& name) const { return values_.contains(name); }

  /// Of "Content-Length" or another number of bytes.
  std::optional<uint64_t> number(const std::string& name) const;

  /// Of "Content-Range: bytes FIRST-LAST/TOTAL" or "bytes */TOTAL".
  std::optional<uint64_t> range_begin() const;
  std::optional<uint64_t> range_total() const;

  /// Of the hub's "RateLimit: ...;t=SECONDS": when it answers again.
  std::optional<std::chrono::seconds> rate_limit_reset() const;

  /// What the hub says of an error, in printable characters, or "".
  std::string error_message() const;

 private:
  std::map<std::string, std::string> values_;
  size_t num_bytes_ = 0;
};

/// Decimal digits, at most 18 of them.
std::optional<uint64_t> parse_count(std::string_view text);

}  // namespace molmo::hub
