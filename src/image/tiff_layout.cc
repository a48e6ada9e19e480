// SPDX-License-Identifier: Apache-2.0
#include "image/tiff_layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace molmo::image {
namespace {

enum Photometric : int64_t { kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kCmyk = 5, kYcbcr = 6 };
enum SampleFormat : unsigned { kUnsigned = 1, kSigned = 2, kFloat = 3 };
constexpr int64_t kOldJpeg = 6, kMostSamples = 6;
using Integers = std::vector<int64_t>;

bool is_power_up_to_8(unsigned bits) { return bits == 1 || bits == 2 || bits == 4 || bits == 8; }

bool is_known_grey(const TiffLayout& layout, int64_t photometric, const Integers& extra) {
  const bool is_black_zero = photometric == kBlackIsZero, is_little = !layout.is_big_endian;
  if (layout.samples == 2)
    return is_black_zero && layout.format == kUnsigned && layout.bits == 8 &&
           (extra == Integers{0} || extra == Integers{2});
  if (layout.samples != 1 || !extra.empty()) return false;
  switch (layout.format) {
    case kUnsigned:
      return is_power_up_to_8(layout.bits) || (layout.bits == 16 && (is_black_zero || is_little)) ||
             ((layout.bits == 12 || layout.bits == 32) && is_black_zero && is_little);
    case kSigned:
      return is_black_zero && (layout.bits == 8 || layout.bits == 16 || layout.bits == 32);
    case kFloat:
      return layout.bits == 32;
    default:
      return false;
  }
}

// Extra samples beyond `base`: the first of a kind in `first`, the others unspecified.
bool has_known_extra(const TiffLayout& layout, size_t base, const Integers& extra, const Integers& first) {
  if (layout.samples != base + extra.size()) return false;
  if (extra.empty()) return true;
  return std::ranges::find(first, extra[0]) != first.end() &&
         std::all_of(extra.begin() + 1, extra.end(), [](int64_t kind) { return kind == 0; });
}

bool is_known(const TiffLayout& layout, int64_t photometric, const Integers& extra) {
  const bool is_byte = layout.bits == 8, is_short = layout.bits == 16;
  if (photometric == kWhiteIsZero || photometric == kBlackIsZero) return is_known_grey(layout, photometric, extra);
  if (layout.format != kUnsigned) return false;
  switch (photometric) {
    case kRgb:
      return (is_byte || (is_short && layout.samples <= 4)) &&
             (has_known_extra(layout, 3, extra, {0, 1, 2, 999}) || (layout.samples == 4 && extra.empty()));
    case kPalette:
      return has_known_extra(layout, 1, extra, {0, 2}) &&
             (is_byte ? layout.samples <= 2 : is_power_up_to_8(layout.bits) && layout.samples == 1);
    case kCmyk:
      return has_known_extra(layout, 4, extra, {0}) && (is_byte || (is_short && layout.samples == 4));
    case kYcbcr:
      return is_byte && extra.empty() && (layout.samples == 1 || layout.samples == 3);
    default:
      return false;
  }
}

TiffKind kind_of(const TiffLayout& layout, int64_t photometric) {
  switch (photometric) {
    case kRgb:
      return TiffKind::kRgb;
    case kPalette:
      return TiffKind::kPalette;
    case kCmyk:
      return TiffKind::kCmyk;
    case kYcbcr:
      return layout.samples == 1 ? TiffKind::kGrey : TiffKind::kYcbcr;
    default:
      return TiffKind::kGrey;
  }
}

void read_colors(const TiffDirectory& directory, TiffLayout& layout, const Decoding& decoding) {
  const Integers map = directory.values(kTagColorMap);
  const size_t num_colors = map.size() / 3;
  if (num_colors == 0 || num_colors > 256)
    decoding.fail(fmt::format("palette of {} colors, expected 1 to 256", num_colors));
  for (size_t i = 0; i < num_colors; ++i) {
    for (size_t c = 0; c < 3; ++c) layout.colors[3 * i + c] = static_cast<uint8_t>(map[c * num_colors + i] >> 8);
  }
}

void expect_integers(const TiffDirectory& directory, const Decoding& decoding) {
  for (const uint16_t tag : {kTagWidth, kTagHeight, kTagBits, kTagCompression, kTagPhotometric, kTagFillOrder,
                             kTagSamples, kTagPlanar, kTagExtraSamples, kTagSampleFormat}) {
    if (directory.has(tag) && directory.count(tag) == 0) decoding.fail(fmt::format("tag {} holds no integers", tag));
  }
}

Integers values_or(const TiffDirectory& directory, uint16_t tag, int64_t absent) {
  return directory.has(tag) ? directory.values(tag) : Integers{absent};
}

// The first few: a damaged tag may hold thousands.
std::string brief(const Integers& values) {
  constexpr size_t kMost = 8;
  const auto shown = std::span(values).first(std::min(values.size(), kMost));
  return fmt::format("{}{}", fmt::join(shown, ", "), values.size() > kMost ? ", ..." : "");
}

// One sample as it is stored, but floats.
int64_t stored(const TiffLayout& layout, const uint8_t* row, size_t index) {
  switch (layout.bits) {
    case 8:
      return row[index];
    case 12: {
      const uint8_t* from = row + index * 12 / 8;
      return index % 2 == 0 ? from[0] << 4 | from[1] >> 4 : (from[0] & 15) << 8 | from[1];
    }
    case 16: {
      const unsigned first = row[2 * index], second = row[2 * index + 1];
      const unsigned value = layout.is_big_endian ? first << 8 | second : second << 8 | first;
      return layout.format == kSigned ? static_cast<int16_t>(value) : static_cast<int64_t>(value);
    }
    case 32: {
      uint32_t value = 0;
      for (size_t i = 0; i < 4; ++i) value = value << 8 | row[4 * index + (layout.is_big_endian ? i : 3 - i)];
      return static_cast<int32_t>(value);
    }
    default: {
      const unsigned per_byte = 8u / layout.bits,
                     shift = 8u - layout.bits * (static_cast<unsigned>(index % per_byte) + 1u);
      return row[index / per_byte] >> shift & ((1u << layout.bits) - 1u);
    }
  }
}

// 1 to 4 bits scale, more than 8 are clipped, floats also truncated.
uint8_t grey_value(const TiffLayout& layout, int64_t value) {
  if (layout.format == kFloat) {
    const float number = std::bit_cast<float>(static_cast<int32_t>(value));
    return std::isnan(number) ? uint8_t{0} : static_cast<uint8_t>(std::clamp(number, 0.0f, 255.0f));
  }
  if (layout.bits < 8) value = value * 255 / ((1 << layout.bits) - 1);
  const auto grey = static_cast<uint8_t>(std::clamp<int64_t>(value, 0, 255));
  return layout.is_inverted ? static_cast<uint8_t>(255 - grey) : grey;
}

uint8_t clipped(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

// The reference's fixed-point conversion, 6 fractional bits.
void ycbcr_to_rgb(int y, int cb, int cr, uint8_t* out) {
  const auto scaled = [](double factor, int chroma) {
    return static_cast<int>(factor * 64.0 * (chroma - 128) + 0.5);
  };  // toward 0
  out[0] = clipped(y + (scaled(1.402, cr) >> 6));
  out[1] = clipped(y + ((scaled(-0.34414, cb) + scaled(-0.71414, cr)) >> 6));
  out[2] = clipped(y + (scaled(1.772, cb) >> 6));
}

}  // namespace

size_t TiffLayout::num_planes() const {
  if (!is_planar) return 1;
  switch (kind) {
    case TiffKind::kRgb:
      return is_premultiplied ? 4 : 3;
    case TiffKind::kYcbcr:
      return 3;
    case TiffKind::kCmyk:
      return 4;
    default:
      return 1;
  }
}

TiffLayout read_tiff_layout(const TiffDirectory& directory, const Decoding& decoding) {
  expect_integers(directory, decoding);
  TiffLayout layout;
  layout.width = directory.value(kTagWidth, 0), layout.height = directory.value(kTagHeight, 0);
  decoding.expect_size(layout.width, layout.height);
  layout.compression = directory.value(kTagCompression, 1);
  const int64_t photometric = layout.compression == kOldJpeg ? int64_t{kYcbcr} : directory.value(kTagPhotometric, 0);
  layout.is_planar = directory.value(kTagPlanar, 1) == 2;
  layout.is_big_endian = directory.is_big_endian();
  layout.reverses_bits = directory.value(kTagFillOrder, 1) == 2;

  Integers bits = values_or(directory, kTagBits, 1), extra = directory.values(kTagExtraSamples),
           formats = values_or(directory, kTagSampleFormat, kUnsigned);
  int64_t samples = directory.value(kTagSamples, layout.compression == kOldJpeg ? 3 : 1);
  if (layout.is_planar &&
      std::ranges::all_of(extra, [](int64_t kind) { return kind == 0; })) {  // planes that nobody needs
    samples -= static_cast<int64_t>(extra.size());
    bits.resize(bits.size() - std::min(bits.size(), extra.size()));
    extra.clear();
  }
  if (samples < static_cast<int64_t>(bits.size()))
    bits.resize(static_cast<size_t>(std::max<int64_t>(samples, 0)));
  else if (bits.size() == 1 && samples <= kMostSamples)
    bits.resize(static_cast<size_t>(samples), bits[0]);
  const auto all_alike = [](const Integers& values) {
    return !values.empty() && std::ranges::count(values, values[0]) == std::ssize(values);
  };
  const bool is_uniform =
      std::ssize(bits) == samples && all_alike(bits) && all_alike(formats) && bits[0] >= 1 && bits[0] <= 32;
  if (is_uniform)
    layout.bits = static_cast<unsigned>(bits[0]), layout.samples = static_cast<unsigned>(samples),
    layout.format = static_cast<unsigned>(formats[0]);
  if (!is_uniform || !is_known(layout, photometric, extra)) {
    decoding.fail(
        fmt::format("photometric {}, {} samples of [{}] bits, format [{}], extra samples [{}], expected grey, palette, "
                    "RGB, CMYK or YCbCr in a usual layout",
                    photometric, samples, brief(bits), brief(formats), brief(extra)));
  }
  layout.kind = kind_of(layout, photometric);
  layout.is_inverted = photometric == kWhiteIsZero && layout.bits <= 8;
  layout.is_premultiplied = layout.kind == TiffKind::kRgb && !extra.empty() && extra[0] == 1;
  layout.has_alpha = layout.is_premultiplied ||
                     (layout.kind == TiffKind::kRgb && !layout.is_planar && !extra.empty() && extra[0] == 2);
  if (layout.kind == TiffKind::kPalette) read_colors(directory, layout, decoding);
  return layout;
}

int64_t convert_tiff_row(const TiffLayout& layout, const std::array<const uint8_t*, 4>& planes, size_t columns,
                         uint8_t* out) {
  int64_t num_transparent = 0;
  for (size_t x = 0; x < columns; ++x, out += 3) {
    const auto at = [&](size_t c) {
      return layout.is_planar ? stored(layout, planes[c], x) : stored(layout, planes[0], x * layout.samples + c);
    };
    const auto byte_at = [&](size_t c) { return static_cast<uint8_t>(layout.bits == 16 ? at(c) >> 8 : at(c)); };
    switch (layout.kind) {
      case TiffKind::kGrey:
        std::memset(out, grey_value(layout, at(0)), 3);
        break;
      case TiffKind::kPalette:
        std::memcpy(out, &layout.colors[3 * static_cast<size_t>(at(0))], 3);
        break;
      case TiffKind::kYcbcr:
        ycbcr_to_rgb(byte_at(0), byte_at(1), byte_at(2), out);
        break;
      case TiffKind::kCmyk:
        for (size_t c = 0; c < 3; ++c) out[c] = cmyk_channel(byte_at(c), byte_at(3));
        break;
      case TiffKind::kRgb: {
        const int alpha = layout.is_premultiplied ? byte_at(3) : 255;
        num_transparent += layout.has_alpha && at(3) == 0;
        for (size_t c = 0; c < 3; ++c) out[c] = alpha == 0 ? uint8_t{0} : clipped(byte_at(c) * 255 / alpha);
        break;
      }
    }
  }
  return num_transparent;
}

}  // namespace molmo::image
