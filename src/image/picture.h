// A decoded picture: 8-bit RGB, row-major.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace molmo::image {

/// 8-bit RGB, rows from the top, no row padding: value (y, x, c) lies at (y * width + x) * 3 + c.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  ///< [height, width, 3]
  int64_t num_transparent = 0;  ///< pixels that the file hides under an alpha of 0, and whose colours are shown here

  Picture() = default;
  Picture(int width, int height) : width(width), height(height), pixels(size_t{3} * width * height) {}
  uint8_t* row(int y) { return pixels.data() + size_t{3} * width * y; }
  const uint8_t* row(int y) const { return pixels.data() + size_t{3} * width * y; }
  bool operator==(const Picture& other) const {
    return width == other.width && height == other.height && pixels == other.pixels;
  }
};

}  // namespace molmo::image
