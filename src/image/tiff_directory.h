// The first directory of a TIFF file or of an EXIF block (which is a TIFF file without pixels).
// Facts: TIFF 6.0 §2, BigTIFF; where a file is damaged, what Pillow makes of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace molmo::image {

enum TiffTag : uint16_t {
  kTagWidth = 256,
  kTagHeight = 257,
  kTagBits = 258,
  kTagCompression = 259,
  kTagPhotometric = 262,
  kTagFillOrder = 266,
  kTagStripOffsets = 273,
  kTagOrientation = 274,
  kTagSamples = 277,
  kTagRowsPerStrip = 278,
  kTagStripByteCounts = 279,
  kTagPlanar = 284,
  kTagColorMap = 320,
  kTagTileWidth = 322,
  kTagTileHeight = 323,
  kTagTileOffsets = 324,
  kTagTileByteCounts = 325,
  kTagExtraSamples = 338,
  kTagSampleFormat = 339,
  kTagSubsampling = 530,
  kTagXmp = 700,
};

class TiffDirectory {
 public:
  /// Nothing where the bytes do not start like a TIFF file. A damaged directory keeps the tags before the damage.
  static std::optional<TiffDirectory> read(std::span<const uint8_t> bytes);

  bool has(uint16_t tag) const { return fields_.contains(tag); }
  /// Number of a tag's integers; 0 where it is absent or not of an integer type.
  size_t count(uint16_t tag) const;
  /// An integer of a tag; nothing beyond its end.
  std::optional<int64_t> value_at(uint16_t tag, size_t index) const;
  /// The integers of a tag, as far as a layout can need them: a file may hold any number.
  std::vector<int64_t> values(uint16_t tag) const;
  /// The first integer of a tag.
  int64_t value(uint16_t tag, int64_t absent) const;
  /// The data of a tag.
  std::span<const uint8_t> data(uint16_t tag) const;
  bool is_big_endian() const { return is_big_endian_; }

 private:
  struct Field {
    uint16_t type = 0;
    std::span<const uint8_t> data;
  };

  TiffDirectory(std::span<const uint8_t> bytes, bool is_big_endian) : bytes_(bytes), is_big_endian_(is_big_endian) {}
  uint64_t read_integer(std::span<const uint8_t> bytes) const;
  std::optional<uint64_t> read_at(uint64_t offset, size_t size) const;
  void read_fields(bool is_big_tiff);
  bool read_field(uint64_t entry, bool is_big_tiff);

  std::span<const uint8_t> bytes_;
  bool is_big_endian_;
  std::map<uint16_t, Field> fields_;
  uint64_t num_value_bytes_ = 0;  // of fields outside of the directory
};

}  // namespace molmo::image
