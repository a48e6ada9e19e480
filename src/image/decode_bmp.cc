// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

constexpr size_t kFileHeader = 14, kCoreHeader = 12;
constexpr uint32_t kUncompressed = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3;
using Masks = std::array<uint32_t, 4>;  // red, green, blue, alpha

struct BmpHeader {
  int64_t width = 0, height = 0;
  bool is_top_down = false;
  unsigned bits = 0;
  uint32_t compression = kUncompressed;
  size_t pixels_offset = 0, palette_offset = 0, palette_entry = 4, num_colors = 0;
  Masks masks{};                          // of 16 and 32 bits
  std::array<uint8_t, 3 * 256> colors{};  // of up to 8 bits

  size_t used_bytes() const { return (static_cast<size_t>(width) * bits + 7) / 8; }  // of a row
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

// The layouts that the reference knows; none means the usual one.
void read_masks(const BmpReader& reader, size_t header_size, BmpHeader& header, const Decoding& decoding) {
  constexpr Masks k555{0x7c00, 0x03e0, 0x001f}, k565{0xf800, 0x07e0, 0x001f}, k24{0xff0000, 0x00ff00, 0x0000ff};
  constexpr Masks k32[] = {k24,
                           {0xff000000, 0xff0000, 0xff00, 0},
                           {0xff000000, 0xff00, 0xff, 0},
                           {0xff000000, 0xff0000, 0xff00, 0xff},
                           {0xff, 0xff00, 0xff0000, 0xff000000},
                           {0xff0000, 0xff00, 0xff, 0xff000000},
                           {0xff000000, 0xff00, 0xff, 0xff0000}};
  header.masks = header.bits == 16 ? k555 : k24;
  if (header.compression != kBitFields) return;
  Masks masks{};
  for (size_t c = 0; c < (header_size >= 56 ? 4u : 3u); ++c) masks[c] = reader.read(kFileHeader + 40 + 4 * c, 4);
  const Masks colors{masks[0], masks[1], masks[2]};
  const bool is_known = header.bits == 16 ? colors == k555 || colors == k565
                        : header.bits == 24
                            ? colors == k24
                            : header.bits == 32 && (masks == Masks{} || std::ranges::find(k32, masks) != std::end(k32));
  if (!is_known)
    decoding.fail(fmt::format("{} bits with masks {:x}, {:x}, {:x}, {:x}, expected a usual layout", header.bits,
                              masks[0], masks[1], masks[2], masks[3]));
  if (masks != Masks{}) header.masks = masks;
}

// A palette of the grey values in order makes the indices grey values, also those beyond it.
void read_palette(const BmpReader& reader, BmpHeader& header, const Decoding& decoding) {
  if (header.num_colors > 65536) decoding.fail(fmt::format("palette of {} colors", header.num_colors));
  const size_t num_bytes = decoding.bytes().size(), bytes_left = num_bytes - std::min(num_bytes, header.palette_offset);
  const size_t num_stored = std::min(header.num_colors, bytes_left / header.palette_entry);
  bool is_grey = num_stored == header.num_colors;
  for (size_t i = 0; i < num_stored; ++i) {
    const auto grey = static_cast<uint8_t>(header.num_colors == 2 ? 255 * i : i);
    for (size_t c = 0; c < 3; ++c) {
      const auto value = static_cast<uint8_t>(reader.read(header.palette_offset + header.palette_entry * i + 2 - c, 1));
      is_grey = is_grey && value == grey;
      if (i < 256) header.colors[3 * i + c] = value;
    }
  }
  if (is_grey && header.bits == 8 && header.num_colors > 2) {
    for (size_t i = 0; i < 256; ++i) std::memset(&header.colors[3 * i], static_cast<int>(i), 3);
  } else if (num_stored > 256) {
    decoding.fail(fmt::format("palette of {} colors, expected at most 256", num_stored));
  }
}

BmpHeader read_header(const Decoding& decoding) {
  const Bytes bytes = decoding.bytes();
  const BmpReader reader(bytes);
  const size_t size = reader.read(kFileHeader, 4);
  constexpr size_t kSizes[] = {kCoreHeader, 40, 52, 56, 64, 108, 124};
  if (std::ranges::find(kSizes, size) == std::end(kSizes) || bytes.size() < kFileHeader + size)
    decoding.fail("the header is damaged or cut off");
  BmpHeader header;
  if (size == kCoreHeader) {
    header.width = reader.read(18, 2), header.height = reader.read(20, 2), header.bits = reader.read(24, 2);
    header.palette_entry = 3;
  } else {
    header.width = reader.read(18, 4), header.height = reader.read(22, 4);
    header.is_top_down = header.height >> 24 == 0xff;
    if (header.is_top_down) header.height = (int64_t{1} << 32) - header.height;
    header.bits = reader.read(28, 2), header.compression = reader.read(30, 4), header.num_colors = reader.read(46, 4);
  }
  decoding.expect_size(header.width, header.height);
  const bool is_packed = header.bits == 1 || header.bits == 4 || header.bits == 8,
             is_direct = header.bits == 16 || header.bits == 24 || header.bits == 32;
  const bool is_known = is_packed
                            ? header.compression <= kRle4
                            : is_direct && (header.compression == kUncompressed || header.compression == kBitFields);
  if (!is_known)
    decoding.fail(
        fmt::format("{} bits with compression {}, expected 1, 4 or 8 bits with 0, 1 or 2, or 16, 24 or 32 with 0 or 3",
                    header.bits, header.compression));
  read_masks(reader, size, header, decoding);
  header.palette_offset = kFileHeader + size;
  if (is_packed && header.num_colors == 0) header.num_colors = size_t{1} << header.bits;
  if (is_packed) read_palette(reader, header, decoding);

  // 0 is what follows the headers; and a palette that the offset forgets is skipped.
  const size_t palette_bytes = is_packed ? header.palette_entry * header.num_colors : 0;
  header.pixels_offset = reader.read(10, 4);
  if (header.pixels_offset == 0)
    header.pixels_offset =
        header.palette_offset + palette_bytes + (header.compression == kBitFields && size == 40 ? 12 : 0);
  else if (header.pixels_offset == header.palette_offset)
    header.pixels_offset += palette_bytes;
  return header;
}

// A field of a pixel under its mask, scaled to 8 bits.
uint8_t masked(uint32_t pixel, uint32_t mask) {
  const uint32_t value = (pixel & mask) >> std::countr_zero(mask), top = mask >> std::countr_zero(mask);
  return static_cast<uint8_t>(uint64_t{value} * 255 / top);
}

void convert_row(const BmpHeader& header, Bytes row, uint8_t* out) {
  const BmpReader reader(row);
  for (size_t x = 0; x < static_cast<size_t>(header.width); ++x, out += 3) {
    if (header.bits <= 8) {
      const size_t bit = x * header.bits;
      const unsigned shift = 8u - header.bits - static_cast<unsigned>(bit % 8);
      const size_t index = row[bit / 8] >> shift & ((1u << header.bits) - 1u);
      std::memcpy(out, &header.colors[3 * index], 3);
    } else {
      const uint32_t pixel = reader.read(header.bits / 8 * x, header.bits / 8);
      for (size_t c = 0; c < 3; ++c) out[c] = masked(pixel, header.masks[c]);
    }
  }
}

// Run-length codes to one index per pixel, in the order of the file. The reference refuses a picture that they do not
// fill.
class RleReader {
 public:
  RleReader(const BmpHeader& header, Decoding& decoding)
      : decoding_(decoding),
        bytes_(decoding.bytes()),
        position_(header.pixels_offset),
        width_(static_cast<size_t>(header.width)),
        is_rle4_(header.compression == kRle4) {
    size_ = width_ * static_cast<size_t>(header.height);
    decoding.take_memory(static_cast<int64_t>(size_ + width_));
    indices_.reserve(size_ + width_);  // a row may be begun when all are there
  }

  std::vector<uint8_t> read() {
    size_t x = 0;
    while (indices_.size() < size_ && has(2)) {
      const size_t count = next(), code = next();
      decoding_.spend_time(count);
      if (count > 0) {
        const size_t fitting = x < width_ ? std::min(count, width_ - x) : 0;
        for (size_t i = 0; i < fitting; ++i)
          indices_.push_back(static_cast<uint8_t>(!is_rle4_ ? code : i % 2 == 0 ? code >> 4 : code & 15));
        x += fitting;
      } else if (code == 0) {
        indices_.resize((indices_.size() + width_ - 1) / width_ * width_);
        x = 0;
      } else if (code == 1) {
        break;
      } else if (code == 2) {
        if (!has(2)) break;
        const size_t right = next(), up = next();
        indices_.resize(std::min(size_, indices_.size() + right + up * width_));
        x = indices_.size() % width_;
      } else {
        if (!read_literals(code)) break;
        x += code;
      }
    }
    return std::move(indices_);
  }

 private:
  bool has(size_t count) const { return position_ <= bytes_.size() && bytes_.size() - position_ >= count; }
  size_t next() { return bytes_[position_++]; }

  // `count` indices as they are; padded to an even place in the file.
  bool read_literals(size_t count) {
    count = std::min(count, size_ - indices_.size());
    if (!has(is_rle4_ ? (count + 1) / 2 : count)) return false;
    for (size_t i = 0; i < count; ++i) {
      if (!is_rle4_ || i % 2 == 0) code_ = next();
      indices_.push_back(static_cast<uint8_t>(!is_rle4_ ? code_ : i % 2 == 0 ? code_ >> 4 : code_ & 15));
    }
    position_ += position_ % 2;
    return true;
  }

  Decoding& decoding_;
  Bytes bytes_;
  size_t position_, width_, size_ = 0, code_ = 0;
  bool is_rle4_;
  std::vector<uint8_t> indices_;
};

}  // namespace

Decoded decode_bmp(Decoding& decoding) {
  const Bytes bytes = decoding.bytes();
  BmpHeader header = read_header(decoding);
  std::vector<uint8_t> indices;
  if (header.compression == kRle8 || header.compression == kRle4) {
    indices = RleReader(header, decoding).read();
    if (indices.size() < static_cast<size_t>(header.width * header.height))
      decoding.fail("the run-length codes end early");
    header.bits = 8;
  }
  const size_t stride = indices.empty() ? header.row_bytes() : static_cast<size_t>(header.width);
  const Bytes pixels = indices.empty() ? bytes.subspan(std::min(header.pixels_offset, bytes.size())) : Bytes(indices);
  const std::vector<uint8_t> missing(header.used_bytes());
  Picture picture = decoding.make_picture(header.width, header.height);
  int64_t num_rows = 0;
  for (int64_t row = 0; row < header.height; ++row) {
    decoding.spend_time(header.used_bytes());
    const size_t offset = stride * static_cast<size_t>(row);
    const bool is_there = offset + header.used_bytes() <= pixels.size();
    convert_row(header, is_there ? pixels.subspan(offset, header.used_bytes()) : missing,
                picture.row(static_cast<int>(header.is_top_down ? row : header.height - 1 - row)));
    num_rows += is_there;
  }
  decoding.expect_rows(num_rows);
  return {std::move(picture), 1};
}

}  // namespace molmo::image
