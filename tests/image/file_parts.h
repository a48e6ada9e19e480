// Parts that pictures in files are made of, for tests that write them byte by byte.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace molmo::testing {

inline std::string big(uint64_t value, int size) {
  std::string bytes;
  for (int i = size; i-- > 0;) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}
inline std::string small(uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

inline std::string deflated(const std::string& data) {
  std::string out(compressBound(data.size()), '\0');
  uLongf size = out.size();
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(data.data()), data.size(), 9);
  out.resize(size);
  return out;
}

/// A chunk of a PNG with its checksum.
inline std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  return big(data.size(), 4) + body +
         big(crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())), 4);
}

struct PngKind {
  int depth = 8, color = 2;
  bool is_interlaced = false;
};

/// `pixels` are the rows, each after its filter byte; `before` are chunks before them.
inline std::string png_of(int width, int height, const PngKind& kind, const std::string& pixels,
                          const std::string& before = "") {
  const std::string header = big(static_cast<uint64_t>(width), 4) + big(static_cast<uint64_t>(height), 4) +
                             static_cast<char>(kind.depth) + static_cast<char>(kind.color) + std::string(2, '\0') +
                             static_cast<char>(kind.is_interlaced);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + before + chunk("IDAT", deflated(pixels)) + chunk("IEND", "");
}

using TiffTags = std::vector<std::pair<int, std::vector<uint32_t>>>;

/// A TIFF file of one directory, all values LONG; `data` lies at offset 8. The directory names itself as the next one.
inline std::string tiff_of(const std::string& data, const TiffTags& tags, bool is_big_endian = false) {
  const auto integer = is_big_endian ? big : small;
  std::string body = data, directory;
  for (const auto& [tag, numbers] : tags) {
    directory += integer(static_cast<uint64_t>(tag), 2) + integer(4, 2) + integer(numbers.size(), 4);
    std::string values;
    for (const uint32_t number : numbers) values += integer(number, 4);
    directory += numbers.size() == 1 ? values : integer(8 + body.size(), 4);
    if (numbers.size() > 1) body += values;
  }
  const std::string at = integer(8 + body.size(), 4);
  return (is_big_endian ? "MM" : "II") + integer(42, 2) + at + body + integer(tags.size(), 2) + directory + at;
}

}  // namespace molmo::testing
