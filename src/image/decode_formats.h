// The decoders of single formats, behind decode.h. Each turns bytes into 8-bit RGB before any orientation and returns
// the EXIF orientation it found (1: none).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "image/picture.h"

namespace molmo::image {

struct Decoded {
  Picture picture;
  int orientation = 1;
};

using Bytes = std::span<const uint8_t>;

Decoded decode_jpeg(Bytes bytes, const std::string& where);
Decoded decode_png(Bytes bytes, const std::string& where);
Decoded decode_webp(Bytes bytes, const std::string& where);
Decoded decode_tiff(Bytes bytes, const std::string& where);
Decoded decode_gif(Bytes bytes, const std::string& where);
Decoded decode_bmp(Bytes bytes, const std::string& where);

/// Throws "[image] where: format: what".
[[noreturn]] void throw_undecodable(const std::string& where, const char* format, const std::string& what);

/// Refuses empty pictures and those above 2^29 pixels (the reference has no limit and dies of memory instead).
void expect_size(int64_t width, int64_t height, const std::string& where, const char* format);

/// Orientation (tag 274) of an EXIF block (with or without the "Exif\0\0" head); 1 where absent, unreadable or out of range.
int exif_orientation(Bytes exif);

/// A copy turned and mirrored as orientation 2..8 says; other values leave the picture alone.
Picture apply_orientation(Picture picture, int orientation);

/// CMYK (0: no ink) to one RGB channel, with the reference's rounding.
inline uint8_t cmyk_channel(uint8_t ink, uint8_t black) {
  const unsigned light = 255u - black, product = light * ink + 128u;
  return static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
}

}  // namespace molmo::image
