// The chunks of a PNG file, taken apart with the reference's tolerance: what decides is IHDR, PLTE, IDAT and where an
// orientation can hide; libpng sees only a clean file of the same pixels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/decode_formats.h"

namespace molmo::image {

enum PngColor : uint8_t { kPngGrey = 0, kPngRgb = 2, kPngPalette = 3, kPngGreyAlpha = 4, kPngRgba = 6 };

struct PngFile {
  int64_t width = 0, height = 0;
  uint8_t depth = 0, color = 0;
  bool is_interlaced = false;
  Bytes palette;  ///< RGB triples; empty without PLTE
  std::vector<uint8_t>
      stream;  ///< a PNG file of IHDR, IDAT and IEND alone, its checksums not filled in, palette indices as grey
  std::vector<uint8_t> exif, xmp;
};

/// Throws where the reference refuses: a wrong checksum or a cut chunk before the pixels, no pixels, unknown kinds.
PngFile read_png_chunks(Bytes bytes, const std::string& where);

}  // namespace molmo::image
