// SPDX-License-Identifier: Apache-2.0
#include "image/decode.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "base/files.h"
#include "image/decode_formats.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION  // libFuzzer's name: small pictures have all the ways to go wrong
constexpr int64_t kMostPixels = int64_t{1} << 18;
#else
constexpr int64_t kMostPixels = int64_t{1} << 29;
#endif
// Above the first number of pixels, a byte of the file must not stand for more than the second: no codec of photographs
// reaches that, and a damaged header must not cost gigabytes.
constexpr int64_t kUncheckedPixels = int64_t{1} << 26, kMostPixelsPerByte = int64_t{1} << 13;

struct Format {
  const char* name;
  size_t offset;
  std::string_view magic;
  Decoded (*decode)(Bytes, const std::string&);
};

using namespace std::string_view_literals;

constexpr Format kFormats[] = {
    {"JPEG", 0, "\xFF\xD8\xFF"sv, decode_jpeg},
    {"PNG", 0, "\x89PNG\r\n\x1A\n"sv, decode_png},
    {"WebP", 8, "WEBP"sv, decode_webp},
    {"TIFF", 0, "II*\0"sv, decode_tiff},
    {"TIFF", 0, "MM\0*"sv, decode_tiff},
    {"TIFF", 0, "II+\0"sv, decode_tiff},
    {"TIFF", 0, "MM\0+"sv, decode_tiff},
    {"GIF", 0, "GIF87a"sv, decode_gif},
    {"GIF", 0, "GIF89a"sv, decode_gif},
    {"BMP", 0, "BM"sv, decode_bmp},
    {"PNM", 0, "P4"sv, decode_pnm},
    {"PNM", 0, "P5"sv, decode_pnm},
    {"PNM", 0, "P6"sv, decode_pnm},
};

bool starts_like(Bytes bytes, const Format& format) {
  return bytes.size() >= format.offset + format.magic.size() &&
         std::memcmp(bytes.data() + format.offset, format.magic.data(), format.magic.size()) == 0;
}

std::string first_bytes(Bytes bytes) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 8); ++i)
    text += fmt::format("{}{:02x}", i == 0 ? "" : " ", bytes[i]);
  return text;
}

}  // namespace

void throw_undecodable(const std::string& where, const char* format, const std::string& what) {
  throw Error(fmt::format("[image] {}: {}: {}", where, format, what));
}

void expect_size(int64_t width, int64_t height, Bytes bytes, const std::string& where, const char* format) {
  if (width <= 0 || height <= 0)
    throw_undecodable(where, format, fmt::format("picture of {}x{} pixels, expected at least 1x1", width, height));
  if (width > kMostPixels / height)
    throw_undecodable(where, format,
                      fmt::format("picture of {}x{} pixels, expected at most {} in all", width, height, kMostPixels));
  if (width * height > kUncheckedPixels && width * height / kMostPixelsPerByte > static_cast<int64_t>(bytes.size())) {
    throw_undecodable(where, format,
                      fmt::format("picture of {}x{} pixels in {} bytes, expected at most {} pixels per byte", width,
                                  height, bytes.size(), kMostPixelsPerByte));
  }
}

void expect_rows(int64_t num_rows, const std::string& where, const char* format) {
  if (num_rows == 0)
    throw_undecodable(where, format, "no row of the picture can be decoded, the file is damaged or cut off");
}

Picture decode_picture(std::span<const uint8_t> bytes, const std::string& where) {
  if (bytes.empty()) throw Error(fmt::format("[image] {}: got 0 bytes, expected a picture", where));
  for (const Format& format : kFormats) {
    if (!starts_like(bytes, format)) continue;
    try {
      Decoded decoded = format.decode(bytes, where);
      return apply_orientation(std::move(decoded.picture), decoded.orientation);
    } catch (const std::bad_alloc&) {
      throw_undecodable(where, format.name, "the picture needs more memory than there is");
    }
  }
  throw Error(fmt::format("[image] {}: not a picture, got bytes {}, expected JPEG, PNG, WebP, BMP, TIFF, GIF or PNM",
                          where, first_bytes(bytes)));
}

Picture load_picture(const std::filesystem::path& path) {
  return decode_picture(read_binary_file(path), path.string());
}

}  // namespace molmo::image
