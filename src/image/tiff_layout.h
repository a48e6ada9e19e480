// How the samples of a TIFF picture lie in a row, and the row as RGB. The combinations are those that the reference
// reads, by the rules of spec/preprocess.md §1.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "image/decode_formats.h"
#include "image/tiff_directory.h"

namespace molmo::image {

enum class TiffKind { kGrey, kPalette, kRgb, kCmyk, kYcbcr };

struct TiffLayout {
  int64_t width = 0, height = 0, compression = 1;
  TiffKind kind = TiffKind::kGrey;
  unsigned bits = 1, samples = 1, format = 1;  ///< all samples alike; format: 1 unsigned, 2 signed, 3 float
  bool is_inverted = false;                    ///< 0 is white
  bool has_alpha = false;                      ///< in the fourth sample, which is read
  bool is_premultiplied = false;               ///< colors are multiplied by it
  bool is_planar = false;                      ///< each sample has rows of its own
  bool is_big_endian = false, reverses_bits = false;
  std::array<uint8_t, 3 * 256> colors{};  ///< of a palette

  /// Planes whose rows convert_row needs.
  size_t num_planes() const;
  /// Of `columns` pixels of one plane.
  size_t row_bytes(size_t columns) const { return (columns * (is_planar ? 1 : samples) * bits + 7) / 8; }
};

/// Throws for what the reference refuses.
TiffLayout read_tiff_layout(const TiffDirectory& directory, const Decoding& decoding);

/// Turns `columns` pixels into RGB; `planes` holds a row of each plane (one, where samples are interleaved). Returns
/// how many of them have an alpha of 0.
int64_t convert_tiff_row(const TiffLayout& layout, const std::array<const uint8_t*, 4>& planes, size_t columns,
                         uint8_t* out);

}  // namespace molmo::image
