// SPDX-License-Identifier: Apache-2.0
#include "hub/http_headers.h"

#include "base/strings.h"

namespace molmo::hub {
namespace {

constexpr size_t kMostBytes = 256 << 10, kLongestMessage = 300;

// The text after the first `mark`, up to `end`.
std::string_view piece(std::string_view text, std::string_view mark, char end) {
  const size_t begin = text.find(mark);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = text.substr(begin + mark.size());
  return rest.substr(0, rest.find(end));
}

}  // namespace

std::optional<uint64_t> parse_count(std::string_view text) {
  constexpr size_t kMostDigits = 18;
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + static_cast<uint64_t>(c - '0');
  }
  return value;
}

bool HttpHeaders::add_line(std::string_view line) {
  if (line.starts_with("HTTP/")) values_.clear();
  num_bytes_ += line.size();
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos && !line.starts_with("HTTP/"))
    values_[lower_ascii(line.substr(0, colon))] = std::string(trim_text(line.substr(colon + 1)));
  return num_bytes_ <= kMostBytes;
}

std::string HttpHeaders::get(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second;
}

std::optional<uint64_t> HttpHeaders::number(const std::string& name) const { return parse_count(get(name)); }

std::optional<uint64_t> HttpHeaders::range_begin() const {
  return parse_count(piece(get("content-range"), "bytes ", '-'));
}

std::optional<uint64_t> HttpHeaders::range_total() const { return parse_count(piece(get("content-range"), "/", ' ')); }

std::optional<std::chrono::seconds> HttpHeaders::rate_limit_reset() const {
  const std::optional<uint64_t> seconds = parse_count(piece(get("ratelimit"), ";t=", ';'));
  return seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
}

std::string HttpHeaders::error_message() const {
  std::string message = get("x-error-message").substr(0, kLongestMessage);
  for (char& c : message) {
    if (c < ' ' || c > '~') c = '?';
  }
  return message;
}

}  // namespace molmo::hub
