// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <memory>

#include "image/decode_formats.h"
#include "image/tiff_layout.h"

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

// The picture is cut into blocks: tiles, or strips of its whole width. Each plane has blocks of its own.
struct BlockGrid {
  size_t width = 0, height = 0;  // of a block
  size_t across = 0, down = 0;   // blocks
};

BlockGrid read_grid(const TiffDirectory& directory, const TiffLayout& layout, bool is_tiled, const std::string& where) {
  BlockGrid grid;
  const int64_t width = is_tiled ? directory.value(kTagTileWidth, 0) : layout.width;
  const int64_t height = is_tiled ? directory.value(kTagTileHeight, 0)
                                  : std::min(directory.value(kTagRowsPerStrip, layout.height), layout.height);
  // A tile much larger than the picture would only cost memory.
  constexpr int64_t kLongestSide = int64_t{1} << 24, kAlwaysFine = int64_t{1} << 22;  // pixels
  const bool has_size = width > 0 && height > 0 && width < kLongestSide && height < kLongestSide;
  if (!has_size || (width * height > kAlwaysFine && width * height / 4 > layout.width * layout.height)) {
    throw_undecodable(
        where, "TIFF",
        fmt::format("blocks of {}x{} pixels in a picture of {}x{}", width, height, layout.width, layout.height));
  }
  grid.width = static_cast<size_t>(width), grid.height = static_cast<size_t>(height);
  grid.across = (static_cast<size_t>(layout.width) + grid.width - 1) / grid.width;
  grid.down = (static_cast<size_t>(layout.height) + grid.height - 1) / grid.height;
  return grid;
}

/// Gives the bytes of one plane of the block at (across, down); fewer than the block has where the file ends.
using ReadBlock = std::function<Bytes(size_t plane, size_t across, size_t down)>;

// Rows that a truncated file lacks are 0 as the picture is held: of no ink, the first color, black.
int64_t copy_blocks(const TiffLayout& layout, const BlockGrid& grid, const ReadBlock& read_block, Picture& picture) {
  const std::vector<uint8_t> missing(layout.row_bytes(grid.width), layout.is_inverted ? 255 : 0);
  const size_t block_row_bytes = layout.row_bytes(grid.width), num_planes = layout.num_planes();
  int64_t num_rows = 0;
  for (size_t down = 0; down < grid.down; ++down) {
    for (size_t across = 0; across < grid.across; ++across) {
      std::array<Bytes, 4> blocks;
      for (size_t plane = 0; plane < num_planes; ++plane) blocks[plane] = read_block(plane, across, down);
      const size_t left = across * grid.width, top = down * grid.height;
      const size_t rows = std::min(grid.height, static_cast<size_t>(layout.height) - top),
                   columns = std::min(grid.width, static_cast<size_t>(layout.width) - left);
      for (size_t y = 0; y < rows; ++y) {
        std::array<const uint8_t*, 4> planes{};
        for (size_t plane = 0; plane < num_planes; ++plane) {
          const bool is_there = block_row_bytes * y + layout.row_bytes(columns) <= blocks[plane].size();
          planes[plane] = is_there ? blocks[plane].data() + block_row_bytes * y : missing.data();
          num_rows += is_there;
        }
        convert_tiff_row(layout, planes, columns, picture.row(static_cast<int>(top + y)) + 3 * left);
      }
    }
  }
  return num_rows;
}

uint8_t reversed(uint8_t byte) {
  unsigned result = 0;
  for (int bit = 0; bit < 8; ++bit) result = result << 1 | (byte >> bit & 1u);
  return static_cast<uint8_t>(result);
}

// Uncompressed: blocks are wherever their offset says; like the reference, without a look at their byte counts.
void read_uncompressed(const TiffDirectory& directory, const TiffLayout& layout, Bytes bytes, const std::string& where,
                       Picture& picture) {
  const bool is_tiled = !directory.has(kTagStripOffsets);
  const BlockGrid grid = read_grid(directory, layout, is_tiled, where);
  const std::vector<int64_t> offsets = directory.values(is_tiled ? kTagTileOffsets : kTagStripOffsets);
  const bool is_whole = !layout.is_planar && grid.across * grid.down == 1;  // then the last offset counts
  const size_t block_bytes = layout.row_bytes(grid.width) * grid.height;
  std::vector<uint8_t> turned[4];
  const int64_t num_rows = copy_blocks(
      layout, grid,
      [&](size_t plane, size_t across, size_t down) -> Bytes {
        const size_t index =
            is_whole && !offsets.empty() ? offsets.size() - 1 : (plane * grid.down + down) * grid.across + across;
        if (index >= offsets.size() || offsets[index] < 0 || offsets[index] > std::ssize(bytes)) return {};
        const Bytes rest = bytes.subspan(static_cast<size_t>(offsets[index]));
        const Bytes block = rest.first(std::min(rest.size(), block_bytes));
        if (!layout.reverses_bits) return block;
        turned[plane].resize(block.size());
        std::ranges::transform(block, turned[plane].begin(), reversed);
        return turned[plane];
      },
      picture);
  expect_rows(num_rows, where, "TIFF");
}

// Subsampled colors: libtiff converts the whole picture.
void read_rgba(TIFF* tiff, const std::string& where, Picture& picture) {
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // turned later
  std::vector<uint32_t> raster(picture.pixels.size() / 3);
  if (!TIFFReadRGBAImageOriented(tiff, static_cast<uint32_t>(picture.width), static_cast<uint32_t>(picture.height),
                                 raster.data(), ORIENTATION_TOPLEFT, 1)) {
    throw_undecodable(where, "TIFF", "the compressed picture is damaged or cut off");
  }
  for (size_t i = 0; i < raster.size(); ++i) {
    picture.pixels[3 * i] = static_cast<uint8_t>(TIFFGetR(raster[i]));
    picture.pixels[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(raster[i]));
    picture.pixels[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(raster[i]));
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

// Compressed: by libtiff, in the machine's byte order; damage anywhere is an error, as in the reference.
void read_compressed(const TiffDirectory& directory, TiffLayout layout, Bytes bytes, const std::string& where,
                     Picture& picture) {
  silence_libtiff();
  MemoryFile file{.bytes = bytes};
  const TiffPointer tiff(TIFFClientOpen("memory", "rm", &file, read_memory, refuse_write, seek_memory, close_memory,
                                        size_memory, map_memory, unmap_memory));
  uint32_t width = 0, height = 0;
  if (!tiff || !TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) ||
      !TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) || width != layout.width || height != layout.height) {
    throw_undecodable(where, "TIFF", "the header is damaged");
  }
  if (!TIFFIsCODECConfigured(static_cast<uint16_t>(layout.compression)))
    throw_undecodable(where, "TIFF", fmt::format("compression {}, which libtiff lacks", layout.compression));
  if (layout.kind == TiffKind::kYcbcr) {
    if (layout.compression != COMPRESSION_JPEG || layout.is_planar) return read_rgba(tiff.get(), where, picture);
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    layout.kind = TiffKind::kRgb;
  }
  layout.is_big_endian = std::endian::native == std::endian::big;
  const bool is_tiled = TIFFIsTiled(tiff.get());
  const BlockGrid grid = read_grid(directory, layout, is_tiled, where);
  const auto row_bytes = static_cast<size_t>(is_tiled ? TIFFTileRowSize(tiff.get()) : TIFFScanlineSize(tiff.get()));
  if (row_bytes != layout.row_bytes(grid.width))
    throw_undecodable(where, "TIFF",
                      fmt::format("rows of {} bytes, expected {}", row_bytes, layout.row_bytes(grid.width)));
  std::vector<uint8_t> blocks[4];
  const auto read_block = [&](size_t plane, size_t across, size_t down) -> Bytes {
    std::vector<uint8_t>& block = blocks[plane];
    block.resize(row_bytes * grid.height);
    const auto left = static_cast<uint32_t>(across * grid.width), top = static_cast<uint32_t>(down * grid.height);
    const auto size = static_cast<tmsize_t>(block.size());
    const auto sample = static_cast<uint16_t>(plane);
    const tmsize_t count =
        is_tiled
            ? TIFFReadEncodedTile(tiff.get(), TIFFComputeTile(tiff.get(), left, top, 0, sample), block.data(), size)
            : TIFFReadEncodedStrip(tiff.get(), TIFFComputeStrip(tiff.get(), top, sample), block.data(), size);
    if (count < 0) throw_undecodable(where, "TIFF", "the compressed picture is damaged or cut off");
    return Bytes(block).first(std::min(block.size(), static_cast<size_t>(count)));
  };
  copy_blocks(layout, grid, read_block, picture);
}

}  // namespace

Decoded decode_tiff(Bytes bytes, const std::string& where) {
  const auto directory = TiffDirectory::read(bytes);
  if (!directory) throw_undecodable(where, "TIFF", "the header is damaged or cut off");
  const TiffLayout layout = read_tiff_layout(*directory, bytes, where);
  const int64_t subsampling = std::ranges::max(
      directory->values(kTagSubsampling).empty() ? std::vector<int64_t>{1} : directory->values(kTagSubsampling));
  const bool is_compressed = layout.compression != COMPRESSION_NONE;
  if (layout.kind == TiffKind::kYcbcr && !is_compressed && subsampling != 1)
    throw_undecodable(where, "TIFF", "uncompressed YCbCr with subsampling");
  Picture picture(static_cast<int>(layout.width), static_cast<int>(layout.height));
  if (is_compressed)
    read_compressed(*directory, layout, bytes, where, picture);
  else
    read_uncompressed(*directory, layout, bytes, where, picture);
  const int orientation = directory->has(kTagOrientation)
                              ? static_cast<int>(std::clamp<int64_t>(directory->value(kTagOrientation, 1), 0, 9))
                              : find_orientation({}, directory->data(kTagXmp));
  return {std::move(picture), orientation};
}

}  // namespace molmo::image
