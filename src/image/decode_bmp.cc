// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bit>
#include <cstdlib>
#include <cstring>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

constexpr size_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40;

struct BmpHeader {
  int64_t width = 0, height = 0;
  bool is_top_down = false;
  unsigned bits = 0, compression = 0;
  size_t pixels_offset = 0, palette_offset = 0, palette_entry = 4, num_colors = 0;
  uint32_t masks[3] = {0, 0, 0};  // of 16 and 32 bits

  size_t row_bytes() const { return (static_cast<size_t>(width) * bits + 31) / 32 * 4; }
};

// Little-endian integers; beyond the end they are 0.
class BmpReader {
 public:
  explicit BmpReader(Bytes bytes) : bytes_(bytes) {}
  uint32_t read(size_t offset, size_t count) const {
    uint32_t value = 0;
    if (offset > bytes_.size() || bytes_.size() - offset < count) return 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | bytes_[offset + i];
    return value;
  }

 private:
  Bytes bytes_;
};

BmpHeader read_header(Bytes bytes, const std::string& where) {
  const BmpReader reader(bytes);
  const size_t size = reader.read(kFileHeader, 4);
  if (bytes.size() < kFileHeader + kCoreHeader || (size != kCoreHeader && size < kInfoHeader)) throw_undecodable(where, "BMP", "the header is damaged or cut off");
  BmpHeader header;
  header.pixels_offset = reader.read(10, 4);
  header.palette_offset = kFileHeader + size;
  if (size == kCoreHeader) {
    header.width = reader.read(18, 2), header.height = reader.read(20, 2), header.bits = reader.read(24, 2);
    header.palette_entry = 3;
  } else {
    header.width = static_cast<int32_t>(reader.read(18, 4));
    const auto height = static_cast<int32_t>(reader.read(22, 4));
    header.is_top_down = height < 0;
    header.height = std::abs(int64_t{height});
    header.bits = reader.read(28, 2), header.compression = reader.read(30, 4), header.num_colors = reader.read(46, 4);
  }
  expect_size(header.width, header.height, where, "BMP");
  if (header.num_colors == 0 || header.num_colors > 256) header.num_colors = header.bits <= 8 ? size_t{1} << header.bits : 0;
  constexpr uint32_t kDefault16[] = {0x7c00, 0x03e0, 0x001f}, kDefault32[] = {0xff0000, 0x00ff00, 0x0000ff};
  for (size_t c = 0; c < 3; ++c) header.masks[c] = header.compression == 3 ? reader.read(54 + 4 * c, 4) : header.bits == 16 ? kDefault16[c] : kDefault32[c];
  return header;
}

// A field of a pixel under its mask, scaled to 8 bits.
uint8_t masked(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint32_t value = (pixel & mask) >> std::countr_zero(mask), top = mask >> std::countr_zero(mask);
  return static_cast<uint8_t>(uint64_t{value} * 255 / top);
}

void convert_row(const BmpHeader& header, Bytes bytes, size_t offset, uint8_t* out) {
  const BmpReader reader(bytes);
  for (int64_t x = 0; x < header.width; ++x, out += 3) {
    if (header.bits <= 8) {
      const size_t bit = static_cast<size_t>(x) * header.bits;
      const unsigned shift = 8u - header.bits - static_cast<unsigned>(bit % 8);
      const size_t index = reader.read(offset + bit / 8, 1) >> shift & ((1u << header.bits) - 1u);
      if (index >= header.num_colors) continue;
      const size_t entry = header.palette_offset + header.palette_entry * index;
      for (size_t c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(reader.read(entry + 2 - c, 1));
    } else if (header.bits == 24) {
      for (size_t c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(reader.read(offset + 3 * static_cast<size_t>(x) + 2 - c, 1));
    } else {
      const uint32_t pixel = reader.read(offset + header.bits / 8 * static_cast<size_t>(x), header.bits / 8);
      for (size_t c = 0; c < 3; ++c) out[c] = masked(pixel, header.masks[c]);
    }
  }
}

}  // namespace

Decoded decode_bmp(Bytes bytes, const std::string& where) {
  const BmpHeader header = read_header(bytes, where);
  const bool bits_fit = header.bits == 1 || header.bits == 4 || header.bits == 8 || header.bits == 16 || header.bits == 24 || header.bits == 32;
  if (!bits_fit || (header.compression != 0 && header.compression != 3)) {
    throw_undecodable(where, "BMP", fmt::format("{} bits with compression {}, expected 1, 4, 8, 16, 24 or 32 bits uncompressed", header.bits, header.compression));
  }
  Picture picture(static_cast<int>(header.width), static_cast<int>(header.height));
  for (int64_t row = 0; row < header.height; ++row) {
    const size_t offset = header.pixels_offset + header.row_bytes() * static_cast<size_t>(row);
    if (offset + header.row_bytes() > bytes.size()) break;  // rows that a truncated file lacks stay 0
    convert_row(header, bytes, offset, picture.row(static_cast<int>(header.is_top_down ? row : header.height - 1 - row)));
  }
  return {std::move(picture), 1};
}

}  // namespace molmo::image
