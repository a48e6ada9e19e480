// SPDX-License-Identifier: Apache-2.0
#include "synth/png_rgba.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/files.h"
#include "molmo/error.h"

namespace molmo::synth {
namespace {

constexpr uint64_t kMaxPixels = 64'000'000;
constexpr size_t kHeaderBytes = 2048;  // tRNS comes before the pixels, after a palette of at most 768 bytes

}  // namespace

bool has_png_alpha(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string header(kHeaderBytes, '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  header.resize(static_cast<size_t>(file.gcount()));
  if (header.size() < 33 || !header.starts_with("\x89PNG\r\n\x1a\n")) return false;
  const int colour_type = static_cast<uint8_t>(header[25]);
  if (colour_type & PNG_COLOR_MASK_ALPHA) return true;
  return header.substr(0, header.find("IDAT")).find("tRNS") != std::string::npos;
}

RgbaPicture read_png_rgba(const std::filesystem::path& path) {
  const std::vector<uint8_t> bytes = read_binary_file(path);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const auto fail = [&](std::string_view what) {
    png_image_free(&png);
    throw Error(fmt::format("[synth] {}: {}, expected a PNG picture", path.string(), what));
  };
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) fail(png.message);
  if (uint64_t{png.width} * png.height > kMaxPixels) fail(fmt::format("got {} x {} pixels", png.width, png.height));
  png.format = PNG_FORMAT_RGBA;
  RgbaPicture picture(static_cast<int>(png.width), static_cast<int>(png.height));
  if (!png_image_finish_read(&png, nullptr, picture.pixels.data(), 0, nullptr)) fail(png.message);
  return picture;
}

}  // namespace molmo::synth
