// The chunks of a PNG file, taken apart with the reference's tolerance: what decides is IHDR, PLTE, IDAT and where an
// orientation can hide; libpng sees only a clean file of the same pixels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "image/decode_formats.h"

namespace molmo::image {

enum PngColor : uint8_t { kPngGrey = 0, kPngRgb = 2, kPngPalette = 3, kPngGreyAlpha = 4, kPngRgba = 6 };

struct PngFile {
  int64_t width = 0, height = 0;
  uint8_t depth = 0, color = 0;
  bool is_interlaced = false;
  Bytes palette;       ///< RGB triples; empty without PLTE
  Bytes transparency;  ///< tRNS: alpha of the palette's first colours, or a grey or RGB value of 16 bits a channel
  /// A PNG file of IHDR, IDAT and IEND alone, its checksums not filled in, palette indices as grey.
  std::vector<uint8_t> stream;
  std::vector<uint8_t> exif, xmp;

  /// Values of a pixel, and bytes of a row as libpng delivers it (fewer than 8 bits are unpacked).
  size_t channels() const { return color == kPngRgba ? 4 : color == kPngRgb ? 3 : color == kPngGreyAlpha ? 2 : 1; }
  size_t row_bytes() const { return static_cast<size_t>(width) * channels() * (depth == 16 ? 2 : 1); }
};

/// Throws where the reference refuses: a wrong checksum or a cut chunk before the pixels, no pixels, unknown kinds.
PngFile read_png_chunks(Decoding& decoding);

}  // namespace molmo::image
