// Reads a PNG with its alpha channel: image::decode drops alpha by rule, and cut-outs need it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace molmo::synth {

/// 8-bit RGBA, rows from the top: value (y, x, c) lies at (y * width + x) * 4 + c.
struct RgbaPicture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  ///< [height, width, 4]

  RgbaPicture() = default;
  RgbaPicture(int width, int height) : width(width), height(height), pixels(size_t{4} * width * height) {}
  uint8_t* at(int y, int x) { return pixels.data() + (size_t{4} * y * width + size_t{4} * x); }
  const uint8_t* at(int y, int x) const { return pixels.data() + (size_t{4} * y * width + size_t{4} * x); }
};

/// Whether the PNG at `path` says in its header that it has alpha or a transparent colour. False for other files.
bool has_png_alpha(const std::filesystem::path& path);

/// Decodes with straight (not premultiplied) alpha. Errors: no PNG, damaged, or above 64 million pixels.
RgbaPicture read_png_rgba(const std::filesystem::path& path);

}  // namespace molmo::synth
