// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <fmt/format.h>

namespace molmo {

std::vector<std::string> split_text(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    pieces.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return pieces;
    begin = end + 1;
  }
}

std::string join_text(const std::vector<std::string>& pieces, std::string_view separator) {
  std::string joined;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) joined += separator;
    joined += pieces[i];
  }
  return joined;
}

std::string join_some(const std::vector<std::string>& pieces, std::string_view separator, size_t most) {
  if (pieces.size() <= most) return join_text(pieces, separator);
  const std::string first = join_text({pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(most)}, separator);
  return fmt::format("{}{}and {} more", first, separator, pieces.size() - most);
}

std::string_view trim_text(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string clip_text(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return std::string(text.substr(0, max_bytes)) + "...";
}

std::string lower_ascii(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

std::string format_bytes(double num_bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (num_bytes >= 1024 && unit < 4) num_bytes /= 1024, ++unit;
  return fmt::format("{:.{}f} {}", num_bytes, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string format_duration(double seconds) {
  if (!(seconds < 1e9)) return "a long time";  // what is left at a speed of nothing
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const long total = static_cast<long>(seconds + 0.5);
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string encode_base64(std::string_view data) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  encoded.reserve((data.size() + 2) / 3 * 4);
  for (size_t i = 0; i < data.size(); i += 3) {
    unsigned group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < data.size() ? static_cast<unsigned char>(data[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) encoded += i + k <= data.size() ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return encoded;
}

}  // namespace molmo
