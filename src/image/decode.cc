// SPDX-License-Identifier: Apache-2.0
#include "image/decode.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "base/files.h"
#include "image/decode_formats.h"
#include "image/orientation.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

struct Format {
  const char* name;
  size_t offset;
  std::string_view magic;
  Decoded (*decode)(Decoding&);
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

Picture decode_picture(Bytes bytes, const std::string& where, const DecodeLimits& limits) {
  if (bytes.empty()) throw Error(fmt::format("[image] {}: got 0 bytes, expected a picture", where));
  for (const Format& format : kFormats) {
    if (!starts_like(bytes, format)) continue;
    Decoding decoding(bytes, where, limits);
    decoding.set_format(format.name);
    try {
      Decoded decoded = format.decode(decoding);
      decoding.keep_only(decoded.picture);
      if (turns(decoded.orientation)) decoding.take_memory(std::ssize(decoded.picture.pixels));
      return apply_orientation(std::move(decoded.picture), decoded.orientation);
    } catch (const std::bad_alloc&) {
      decoding.fail("the picture needs more memory than there is");
    }
  }
  throw Error(fmt::format("[image] {}: not a picture, got bytes {}, expected JPEG, PNG, WebP, BMP, TIFF, GIF or PNM",
                          where, first_bytes(bytes)));
}

Picture load_picture(const std::filesystem::path& path, const DecodeLimits& limits) {
  std::error_code unknown;  // what cannot be opened or is no file is said by the reading
  const uintmax_t size = std::filesystem::file_size(path, unknown);
  if (!unknown && size > static_cast<uintmax_t>(limits.max_bytes))
    throw Error(fmt::format("[image] {}: got {} bytes, expected at most max_bytes = {}", path.string(), size,
                            limits.max_bytes));
  return decode_picture(read_binary_file(path), path.string(), limits);
}

}  // namespace molmo::image
