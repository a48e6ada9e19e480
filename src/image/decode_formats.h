// The decoders of single formats, behind decode.h. Each turns bytes into 8-bit RGB before any orientation and returns
// the EXIF orientation it found (1: none). A damaged file keeps the rows that can be decoded; the others are 0 as the
// file would store them (palette entry 0, no ink). A file of which no row can be decoded is an error.
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
Decoded decode_pnm(Bytes bytes, const std::string& where);

/// Throws "[image] where: format: what".
[[noreturn]] void throw_undecodable(const std::string& where, const char* format, const std::string& what);

/// Refuses empty pictures, those above 2^29 pixels, and large ones in files too small to hold them (the reference has
/// no limit and dies of memory instead).
void expect_size(int64_t width, int64_t height, Bytes bytes, const std::string& where, const char* format);

/// Refuses a picture of which nothing could be decoded (the reference returns it in one colour).
void expect_rows(int64_t num_rows, const std::string& where, const char* format);

/// Orientation of an EXIF block (with or without the "Exif\0\0" head) or, where that has no such tag, of XMP text; 1
/// where absent, unreadable or out of range. Either may be empty.
int find_orientation(Bytes exif, Bytes xmp);

/// A copy turned and mirrored as orientation 2..8 says; other values leave the picture alone.
Picture apply_orientation(Picture picture, int orientation);

/// CMYK (0: no ink) to one RGB channel, with the reference's rounding.
inline uint8_t cmyk_channel(uint8_t ink, uint8_t black) {
  const unsigned light = 255u - black, product = light * ink + 128u;
  return static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
}

}  // namespace molmo::image
