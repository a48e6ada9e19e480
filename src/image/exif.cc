// SPDX-License-Identifier: Apache-2.0
#include "image/decode_formats.h"

#include <cstring>

namespace molmo::image {
namespace {

constexpr uint16_t kOrientationTag = 274, kShortType = 3;

// Bounds-checked integers of a TIFF block in its own byte order; reads beyond the end give 0.
class TiffBlock {
 public:
  explicit TiffBlock(Bytes bytes) : bytes_(bytes), is_big_(bytes.size() > 1 && bytes[0] == 'M') {}

  uint32_t read(size_t offset, size_t count) const {
    if (offset > bytes_.size() || bytes_.size() - offset < count) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < count; ++i) value = value << 8 | bytes_[offset + (is_big_ ? i : count - 1 - i)];
    return value;
  }
  bool is_valid() const {
    return bytes_.size() >= 8 && (std::memcmp(bytes_.data(), "II", 2) == 0 || std::memcmp(bytes_.data(), "MM", 2) == 0) && read(2, 2) == 42;
  }

 private:
  Bytes bytes_;
  bool is_big_;
};

}  // namespace

int exif_orientation(Bytes exif) {
  if (exif.size() > 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0) exif = exif.subspan(6);
  const TiffBlock block(exif);
  if (!block.is_valid()) return 1;
  const size_t directory = block.read(4, 4);
  const size_t num_entries = block.read(directory, 2);
  for (size_t i = 0; i < num_entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (block.read(entry, 2) != kOrientationTag || block.read(entry + 2, 2) != kShortType) continue;
    const uint32_t value = block.read(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture apply_orientation(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  const bool swaps = orientation >= 5;
  const bool flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;  // in the source
  const bool flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture turned(swaps ? picture.height : picture.width, swaps ? picture.width : picture.height);
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x) {
      int from_x = swaps ? y : x, from_y = swaps ? x : y;
      if (flips_x) from_x = picture.width - 1 - from_x;
      if (flips_y) from_y = picture.height - 1 - from_y;
      std::memcpy(turned.row(y) + 3 * x, picture.row(from_y) + 3 * from_x, 3);
    }
  }
  return turned;
}

}  // namespace molmo::image
