// SPDX-License-Identifier: Apache-2.0
#include "image/picture_info.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "image/decode.h"
#include "image/decode_formats.h"
#include "image/orientation.h"

namespace molmo::image {
namespace {

PictureInfo upright(int64_t width, int64_t height, int orientation) {
  if (orientation >= 5) std::swap(width, height);
  return {static_cast<int>(width), static_cast<int>(height), orientation};
}

// Marker segments up to the frame header; nothing for a file that goes another way, which is decoded then.
std::optional<PictureInfo> read_jpeg(Bytes bytes) {
  constexpr std::string_view kExif("Exif\0\0", 6), kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
  std::vector<uint8_t> exif;
  Bytes xmp;
  for (size_t at = 2; at + 9 < bytes.size();) {
    if (bytes[at] != 0xFF) return std::nullopt;
    const uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) {  // fill
      ++at;
      continue;
    }
    const size_t length = size_t{bytes[at + 2]} << 8 | bytes[at + 3];
    if (marker < 0xC0 || (marker >= 0xD0 && marker <= 0xDA) || length < 2 || at + 2 + length > bytes.size())
      return std::nullopt;
    const Bytes data = bytes.subspan(at + 4, length - 2);
    const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
    if (marker == 0xE1 && text.starts_with(kExif))
      exif.insert(exif.end(), data.begin() + (exif.empty() ? 0 : kExif.size()), data.end());
    if (marker == 0xE1 && text.starts_with(kXmp)) xmp = data.subspan(kXmp.size());
    const bool is_frame = marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame && data.size() >= 5) {
      const int height = data[1] << 8 | data[2], width = data[3] << 8 | data[4];
      if (width == 0 || height == 0) return std::nullopt;
      return upright(width, height, find_orientation(exif, xmp));
    }
    at += 2 + length;
  }
  return std::nullopt;
}

// Chunks up to the end: eXIf may follow the pixels.
std::optional<PictureInfo> read_png(Bytes bytes) {
  const auto number_at = [&](size_t at) {
    return int64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  };
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (bytes.size() < 33 || text.substr(12, 4) != "IHDR") return std::nullopt;
  const int64_t width = number_at(16), height = number_at(20);
  if (width <= 0 || height <= 0 || width > INT32_MAX || height > INT32_MAX) return std::nullopt;
  int orientation = 1;
  for (size_t at = 8; at + 12 <= bytes.size();) {
    const auto length = static_cast<size_t>(number_at(at));
    if (length > bytes.size() - at - 12) break;
    if (text.substr(at + 4, 4) == "eXIf") orientation = find_orientation(bytes.subspan(at + 8, length), {});
    at += 12 + length;
  }
  return upright(width, height, orientation);
}

}  // namespace

PictureInfo read_picture_info(const std::filesystem::path& path) {
  const std::vector<uint8_t> bytes = read_binary_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::optional<PictureInfo> info;
  if (text.starts_with("\xFF\xD8\xFF")) info = read_jpeg(bytes);
  if (text.starts_with("\x89PNG\r\n\x1A\n")) info = read_png(bytes);
  if (info) return *info;
  const Picture picture = decode_picture(bytes, path.string());
  return {picture.width, picture.height, 1};
}

}  // namespace molmo::image
