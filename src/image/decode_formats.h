// The decoders of single formats, behind decode.h. Each turns bytes into 8-bit RGB before any orientation and returns
// the EXIF orientation it found (1: none). A damaged file keeps the rows that can be decoded; the others are 0 as the
// file would store them (palette entry 0, no ink). A file of which no row can be decoded is an error, and so is one
// that needs more memory or time than the Decoding allows: each decoder takes its memory from there and tells of its
// work.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "image/decoding.h"

namespace molmo::image {

struct Decoded {
  Picture picture;
  int orientation = 1;
};

Decoded decode_jpeg(Decoding& decoding);
Decoded decode_png(Decoding& decoding);
Decoded decode_webp(Decoding& decoding);
Decoded decode_tiff(Decoding& decoding);
Decoded decode_gif(Decoding& decoding);
Decoded decode_bmp(Decoding& decoding);
Decoded decode_pnm(Decoding& decoding);

/// CMYK (0: no ink) to one RGB channel, with the reference's rounding.
inline uint8_t cmyk_channel(uint8_t ink, uint8_t black) {
  const unsigned light = 255u - black, product = light * ink + 128u;
  return static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
}

}  // namespace molmo::image
