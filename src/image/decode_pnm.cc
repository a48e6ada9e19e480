// Binary PBM, PGM and PPM.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// The next number of the header and the one space after it; comments are skipped.
int64_t read_number(const Decoding& decoding, size_t& position) {
  const Bytes bytes = decoding.bytes();
  constexpr int kMostDigits = 10;
  int64_t value = 0;
  int num_digits = 0;
  for (; position < bytes.size() && num_digits <= kMostDigits; ++position) {
    const uint8_t byte = bytes[position];
    if (byte == '#') {
      while (position < bytes.size() && bytes[position] != '\n' && bytes[position] != '\r') ++position;
    } else if (is_space(byte)) {
      if (num_digits > 0) return ++position, value;
    } else if (byte < '0' || byte > '9') {
      break;
    } else {
      value = 10 * value + (byte - '0'), ++num_digits;
    }
  }
  decoding.fail("the header is damaged or cut off");
}

// To the nearest 8-bit value, ties to even; grey of more than 8 bits is taken to 16 and saturates, as in PNG.
uint8_t scaled(int64_t value, int64_t top, bool is_color) {
  const double range = is_color || top <= 255 ? 255.0 : 65535.0;
  return static_cast<uint8_t>(
      std::min(255.0, std::nearbyint(static_cast<double>(value) / static_cast<double>(top) * range)));
}

}  // namespace

Decoded decode_pnm(Decoding& decoding) {
  const Bytes bytes = decoding.bytes();
  const bool is_bitmap = bytes[1] == '4', is_color = bytes[1] == '6';
  size_t position = 2;
  if (bytes.size() < 3 || !is_space(bytes[2])) decoding.fail("the header is damaged or cut off");
  const int64_t width = read_number(decoding, position), height = read_number(decoding, position);
  const int64_t top = is_bitmap ? 1 : read_number(decoding, position);
  decoding.expect_size(width, height);
  if (top < 1 || top > 65535) decoding.fail(fmt::format("a largest value of {}, expected 1 to 65535", top));

  const size_t samples = static_cast<size_t>(width) * (is_color ? 3 : 1), sample_bytes = top > 255 ? 2 : 1;
  const size_t row_bytes = is_bitmap ? (samples + 7) / 8 : samples * sample_bytes;
  Picture picture = decoding.make_picture(width, height);
  int64_t num_rows = 0;
  for (; num_rows < height && bytes.size() - position >= row_bytes;
       ++num_rows, position += row_bytes) {  // rows that are missing stay 0
    const uint8_t* row = bytes.data() + position;
    uint8_t* out = picture.row(static_cast<int>(num_rows));
    decoding.spend_time(row_bytes);
    for (size_t i = 0; i < samples; ++i) {
      const int64_t value = is_bitmap           ? !(row[i / 8] >> (7 - i % 8) & 1)
                            : sample_bytes == 1 ? row[i]
                                                : row[2 * i] << 8 | row[2 * i + 1];
      if (is_color)
        out[i] = scaled(value, top, is_color);
      else
        std::memset(out + 3 * i, scaled(value, top, is_color), 3);
    }
  }
  const bool is_scaled = !is_bitmap && top != 255 && (is_color || top != 65535);  // the reference wants all of it
  if (is_scaled && num_rows < height) decoding.fail("the pixels are cut off");
  decoding.expect_rows(num_rows);
  return {std::move(picture), 1};
}

}  // namespace molmo::image
