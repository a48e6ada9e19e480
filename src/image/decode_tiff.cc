// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

// libtiff reads through these callbacks from memory.
struct MemoryFile {
  Bytes bytes;
  toff_t position = 0;
};

tsize_t read_memory(thandle_t handle, tdata_t out, tsize_t size) {
  auto* file = static_cast<MemoryFile*>(handle);
  if (file->position >= file->bytes.size() || size <= 0) return 0;
  const size_t count = std::min<size_t>(static_cast<size_t>(size), file->bytes.size() - file->position);
  std::memcpy(out, file->bytes.data() + file->position, count);
  file->position += count;
  return static_cast<tsize_t>(count);
}
tsize_t refuse_write(thandle_t, tdata_t, tsize_t) { return 0; }
toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto* file = static_cast<MemoryFile*>(handle);
  file->position = offset + (whence == SEEK_CUR ? file->position : whence == SEEK_END ? file->bytes.size() : 0);
  return file->position;
}
int close_memory(thandle_t) { return 0; }
toff_t size_memory(thandle_t handle) { return static_cast<MemoryFile*>(handle)->bytes.size(); }
int map_memory(thandle_t, tdata_t*, toff_t*) { return 0; }
void unmap_memory(thandle_t, tdata_t, toff_t) {}

struct TiffCloser {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffPointer = std::unique_ptr<TIFF, TiffCloser>;

struct Layout {
  uint32_t width = 0, height = 0;
  uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT, photometric = PHOTOMETRIC_MINISBLACK, planar = PLANARCONFIG_CONTIG, orientation = 1;
  uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;  // palette, 16 bits

  size_t row_bytes() const { return (size_t{width} * samples * bits + 7) / 8; }
};

Layout read_layout(TIFF* tiff, const std::string& where) {
  Layout layout;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout.height);
  expect_size(layout.width, layout.height, where, "TIFF");
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &layout.orientation);
  if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout.photometric)) throw_undecodable(where, "TIFF", "no photometric interpretation");
  if (layout.photometric == PHOTOMETRIC_YCBCR) {  // only inside JPEG strips: libtiff converts
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    layout.photometric = PHOTOMETRIC_RGB;
  }
  if (layout.photometric == PHOTOMETRIC_PALETTE && !TIFFGetField(tiff, TIFFTAG_COLORMAP, &layout.red, &layout.green, &layout.blue)) {
    throw_undecodable(where, "TIFF", "palette picture without a palette");
  }
  return layout;
}

void expect_supported(TIFF* tiff, const Layout& layout, const std::string& where) {
  const bool is_float = layout.format == SAMPLEFORMAT_IEEEFP;
  const bool bits_fit = is_float ? layout.bits == 32 : layout.bits == 1 || layout.bits == 2 || layout.bits == 4 || layout.bits == 8 || layout.bits == 16;
  const int least = layout.photometric == PHOTOMETRIC_RGB ? 3 : layout.photometric == PHOTOMETRIC_SEPARATED ? 4 : 1;
  const bool color_fits = layout.photometric == PHOTOMETRIC_RGB || layout.photometric == PHOTOMETRIC_SEPARATED ||
                          layout.photometric == PHOTOMETRIC_MINISBLACK || layout.photometric == PHOTOMETRIC_MINISWHITE || layout.photometric == PHOTOMETRIC_PALETTE;
  if (!bits_fit || !color_fits || layout.samples < least || layout.samples > 8 || (least > 1 && layout.bits < 8) ||
      (layout.photometric == PHOTOMETRIC_PALETTE && layout.bits > 8)) {
    throw_undecodable(where, "TIFF", fmt::format("{} samples of {} bits, format {}, photometric {}, expected grey, palette, RGB or CMYK of 8 or 16 bits, or float grey",
                                                 layout.samples, layout.bits, layout.format, layout.photometric));
  }
  if (layout.planar != PLANARCONFIG_CONTIG && layout.samples > 1) throw_undecodable(where, "TIFF", "separate planes, expected interleaved samples");
  const tmsize_t unit = TIFFIsTiled(tiff) ? TIFFTileSize(tiff) : TIFFScanlineSize(tiff);
  if (unit <= 0 || unit > tmsize_t{1} << 31) throw_undecodable(where, "TIFF", fmt::format("blocks of {} bytes", unit));
}

// One sample of a row as it is stored.
double sample(const Layout& layout, const uint8_t* row, size_t index) {
  switch (layout.bits) {
    case 8: return row[index];
    case 16: {
      uint16_t value;
      std::memcpy(&value, row + 2 * index, 2);
      return value;
    }
    case 32: {
      float value;
      std::memcpy(&value, row + 4 * index, 4);
      return std::isfinite(value) ? std::clamp(value, 0.0f, 255.0f) : 0.0f;
    }
    default: {
      const unsigned per_byte = 8u / layout.bits, shift = 8u - layout.bits * (static_cast<unsigned>(index % per_byte) + 1u);
      return row[index / per_byte] >> shift & ((1u << layout.bits) - 1u);
    }
  }
}

// Grey: 16 bits saturate, 1 to 4 bits scale, floats are clipped and truncated.
uint8_t grey_value(const Layout& layout, double value) {
  if (layout.bits < 8) value = value * 255.0 / ((1 << layout.bits) - 1);
  const auto grey = static_cast<uint8_t>(std::min(value, 255.0));
  return layout.photometric == PHOTOMETRIC_MINISWHITE ? static_cast<uint8_t>(255 - grey) : grey;
}

uint8_t high_byte(const Layout& layout, double value) {
  return static_cast<uint8_t>(layout.bits == 16 ? static_cast<unsigned>(value) >> 8 : static_cast<unsigned>(value));
}

void convert_row(const Layout& layout, const uint8_t* row, size_t count, uint8_t* out) {
  for (size_t x = 0; x < count; ++x, out += 3) {
    const size_t first = x * layout.samples;
    if (layout.photometric == PHOTOMETRIC_RGB) {
      for (size_t c = 0; c < 3; ++c) out[c] = high_byte(layout, sample(layout, row, first + c));
    } else if (layout.photometric == PHOTOMETRIC_SEPARATED) {
      const uint8_t black = high_byte(layout, sample(layout, row, first + 3));
      for (size_t c = 0; c < 3; ++c) out[c] = cmyk_channel(high_byte(layout, sample(layout, row, first + c)), black);
    } else if (layout.photometric == PHOTOMETRIC_PALETTE) {
      const auto index = static_cast<size_t>(sample(layout, row, first));
      out[0] = static_cast<uint8_t>(layout.red[index] >> 8), out[1] = static_cast<uint8_t>(layout.green[index] >> 8), out[2] = static_cast<uint8_t>(layout.blue[index] >> 8);
    } else {
      std::memset(out, grey_value(layout, sample(layout, row, first)), 3);
    }
  }
}

// Rows that a truncated file lacks stay 0.
void read_lines(TIFF* tiff, const Layout& layout, Picture& picture) {
  std::vector<uint8_t> line(std::max(static_cast<size_t>(TIFFScanlineSize(tiff)), layout.row_bytes()));
  for (uint32_t y = 0; y < layout.height; ++y) {
    if (TIFFReadScanline(tiff, line.data(), y) < 0) return;
    convert_row(layout, line.data(), layout.width, picture.row(static_cast<int>(y)));
  }
}

void read_tiles(TIFF* tiff, const Layout& layout, Picture& picture, const std::string& where) {
  uint32_t tile_width = 0, tile_height = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
  if (tile_width == 0 || tile_height == 0) throw_undecodable(where, "TIFF", "tiles without a size");
  const auto row_bytes = static_cast<size_t>(TIFFTileRowSize(tiff));
  std::vector<uint8_t> tile(static_cast<size_t>(TIFFTileSize(tiff)));
  if (row_bytes * tile_height > tile.size()) throw_undecodable(where, "TIFF", "tiles larger than their data");
  for (uint32_t top = 0; top < layout.height; top += tile_height) {
    for (uint32_t left = 0; left < layout.width; left += tile_width) {
      if (TIFFReadTile(tiff, tile.data(), left, top, 0, 0) < 0) continue;
      const uint32_t rows = std::min(tile_height, layout.height - top), columns = std::min(tile_width, layout.width - left);
      for (uint32_t y = 0; y < rows; ++y) convert_row(layout, tile.data() + row_bytes * y, columns, picture.row(static_cast<int>(top + y)) + 3 * size_t{left});
    }
  }
}

void silence_libtiff() {
  static const bool done = [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
    return true;
  }();
  (void)done;
}

}  // namespace

Decoded decode_tiff(Bytes bytes, const std::string& where) {
  silence_libtiff();
  MemoryFile file{.bytes = bytes};
  const TiffPointer tiff(TIFFClientOpen("memory", "rm", &file, read_memory, refuse_write, seek_memory, close_memory, size_memory, map_memory, unmap_memory));
  if (!tiff) throw_undecodable(where, "TIFF", "the header is damaged or cut off");
  const Layout layout = read_layout(tiff.get(), where);
  expect_supported(tiff.get(), layout, where);
  Picture picture(static_cast<int>(layout.width), static_cast<int>(layout.height));
  TIFFIsTiled(tiff.get()) ? read_tiles(tiff.get(), layout, picture, where) : read_lines(tiff.get(), layout, picture);
  return {std::move(picture), layout.orientation};
}

}  // namespace molmo::image
