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
#include "image/orientation.h"
#include "image/tiff_layout.h"

namespace molmo::image {
namespace {

// libtiff reads through these callbacks from memory. One that takes too long finds the file at its end.
struct MemoryFile {
  Decoding& decoding;
  toff_t position = 0;
  bool is_over_time = false;
};

tsize_t read_memory(thandle_t handle, tdata_t out, tsize_t size) {
  auto* file = static_cast<MemoryFile*>(handle);
  const Bytes bytes = file->decoding.bytes();
  if (file->position >= bytes.size() || size <= 0) return 0;
  const size_t count = std::min<size_t>(static_cast<size_t>(size), bytes.size() - file->position);
  file->is_over_time = file->is_over_time || file->decoding.is_over_time(count);
  if (file->is_over_time) return 0;
  std::memcpy(out, bytes.data() + file->position, count);
  file->position += count;
  return static_cast<tsize_t>(count);
}
tsize_t refuse_write(thandle_t, tdata_t, tsize_t) { return 0; }
toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto* file = static_cast<MemoryFile*>(handle);
  const toff_t size = file->decoding.bytes().size();
  file->position = offset + (whence == SEEK_CUR ? file->position : whence == SEEK_END ? size : 0);
  return file->position;
}
int close_memory(thandle_t) { return 0; }
toff_t size_memory(thandle_t handle) { return static_cast<MemoryFile*>(handle)->decoding.bytes().size(); }
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

BlockGrid read_grid(const TiffDirectory& directory, const TiffLayout& layout, bool is_tiled, const Decoding& decoding) {
  BlockGrid grid;
  const int64_t width = is_tiled ? directory.value(kTagTileWidth, 0) : layout.width;
  const int64_t height = is_tiled ? directory.value(kTagTileHeight, 0)
                                  : std::min(directory.value(kTagRowsPerStrip, layout.height), layout.height);
  // A tile much larger than the picture would only cost memory.
  constexpr int64_t kLongestSide = int64_t{1} << 24, kAlwaysFine = int64_t{1} << 22;  // pixels
  const bool has_size = width > 0 && height > 0 && width < kLongestSide && height < kLongestSide;
  if (!has_size || (width * height > kAlwaysFine && width * height / 4 > layout.width * layout.height)) {
    decoding.fail(
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
        picture.num_transparent +=
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
void read_uncompressed(const TiffDirectory& directory, const TiffLayout& layout, Decoding& decoding, Picture& picture) {
  const Bytes bytes = decoding.bytes();
  const bool is_tiled = !directory.has(kTagStripOffsets);
  const BlockGrid grid = read_grid(directory, layout, is_tiled, decoding);
  const TiffTag offsets = is_tiled ? kTagTileOffsets : kTagStripOffsets;
  const size_t num_offsets = directory.count(offsets);
  const bool is_whole = !layout.is_planar && grid.across * grid.down == 1;  // then the last offset counts
  const size_t block_bytes = layout.row_bytes(grid.width) * grid.height;
  if (layout.reverses_bits)
    decoding.take_memory(static_cast<int64_t>(layout.num_planes() * std::min(block_bytes, bytes.size())));
  std::vector<uint8_t> turned[4];
  const int64_t num_rows = copy_blocks(
      layout, grid,
      [&](size_t plane, size_t across, size_t down) -> Bytes {
        const size_t index =
            is_whole && num_offsets > 0 ? num_offsets - 1 : (plane * grid.down + down) * grid.across + across;
        const int64_t offset = directory.value_at(offsets, index).value_or(-1);
        decoding.spend_time(block_bytes);
        if (offset < 0 || offset > std::ssize(bytes)) return {};
        const Bytes rest = bytes.subspan(static_cast<size_t>(offset));
        const Bytes block = rest.first(std::min(rest.size(), block_bytes));
        if (!layout.reverses_bits) return block;
        turned[plane].resize(block.size());
        std::ranges::transform(block, turned[plane].begin(), reversed);
        return turned[plane];
      },
      picture);
  decoding.expect_rows(num_rows);
}

constexpr const char* kDamaged = "the compressed picture is damaged or cut off";

// Subsampled colors: libtiff converts the whole picture.
void read_rgba(TIFF* tiff, const MemoryFile& file, Picture& picture) {
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // turned later
  file.decoding.take_memory(std::ssize(picture.pixels) / 3 * static_cast<int64_t>(sizeof(uint32_t)));
  std::vector<uint32_t> raster(picture.pixels.size() / 3);
  const bool is_read =
      TIFFReadRGBAImageOriented(tiff, static_cast<uint32_t>(picture.width), static_cast<uint32_t>(picture.height),
                                raster.data(), ORIENTATION_TOPLEFT, 1);
  if (file.is_over_time) file.decoding.fail_time();
  if (!is_read) file.decoding.fail(kDamaged);
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

TiffPointer open_tiff(MemoryFile& file) {
  silence_libtiff();
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                 TIFFOpenOptionsFree);
  // Its largest are tables of a long picture's blocks, and one block as it is stored.
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), std::max<tmsize_t>(1, file.decoding.memory_left() / 2));
  return TiffPointer(TIFFClientOpenExt("memory", "rm", &file, read_memory, refuse_write, seek_memory, close_memory,
                                       size_memory, map_memory, unmap_memory, options.get()));
}

// The stored bytes of compressed blocks, where the file says they are. A byte count of 0, or one that goes beyond the
// file, stands for all that is there: decoders of the kinds below notice themselves where that is too little. libtiff's
// own reading would refuse such files, which viewers show, and copies each block.
class StoredBlocks {
 public:
  StoredBlocks(const TiffDirectory& directory, const TiffLayout& layout, bool is_tiled, Decoding& decoding)
      : directory_(directory),
        bytes_(decoding.bytes()),
        offsets_(is_tiled ? kTagTileOffsets : kTagStripOffsets),
        counts_(is_tiled ? kTagTileByteCounts : kTagStripByteCounts),
        reverses_bits_(layout.reverses_bits) {
    constexpr int64_t kNotice[] = {COMPRESSION_LZW,      COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,
                                   COMPRESSION_PACKBITS, COMPRESSION_LZMA,          COMPRESSION_ZSTD};
    notices_end_ = std::ranges::find(kNotice, layout.compression) != std::end(kNotice);
    if (reverses_bits_) decoding.take_memory(std::ssize(bytes_));
  }

  // Empty where there are none. libtiff asks for bytes that may be written: it turns their bits round, and back.
  std::span<uint8_t> operator[](uint32_t block) {
    const auto size = static_cast<int64_t>(bytes_.size());
    const int64_t offset = directory_.value_at(offsets_, block).value_or(0);
    if (offset <= 0 || offset >= size) return {};
    int64_t count = directory_.value_at(counts_, block).value_or(0);
    const bool is_odd = count <= 0 || count > size - offset;
    if (is_odd && !notices_end_ && count != 0) return {};
    if (is_odd) count = size - offset;
    const Bytes stored = bytes_.subspan(static_cast<size_t>(offset), static_cast<size_t>(count));
    if (!reverses_bits_) return {const_cast<uint8_t*>(stored.data()), stored.size()};
    turned_.assign(stored.begin(), stored.end());
    return turned_;
  }

 private:
  const TiffDirectory& directory_;
  Bytes bytes_;
  TiffTag offsets_, counts_;
  bool reverses_bits_, notices_end_ = false;
  std::vector<uint8_t> turned_;
};

// Compressed: by libtiff, in the machine's byte order; damage anywhere is an error, as in the reference.
void read_compressed(const TiffDirectory& directory, TiffLayout layout, Decoding& decoding, Picture& picture) {
  MemoryFile file{.decoding = decoding};
  const TiffPointer tiff = open_tiff(file);
  uint32_t width = 0, height = 0;
  if (!tiff || !TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) ||
      !TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) || width != layout.width || height != layout.height) {
    if (file.is_over_time) decoding.fail_time();
    decoding.fail("the header is damaged");
  }
  if (!TIFFIsCODECConfigured(static_cast<uint16_t>(layout.compression)))
    decoding.fail(fmt::format("compression {}, which libtiff lacks", layout.compression));
  if (layout.compression == COMPRESSION_OJPEG) return read_rgba(tiff.get(), file, picture);
  if (layout.kind == TiffKind::kYcbcr) {
    if (layout.compression != COMPRESSION_JPEG || layout.is_planar) return read_rgba(tiff.get(), file, picture);
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    layout.kind = TiffKind::kRgb;
  }
  layout.is_big_endian = std::endian::native == std::endian::big;
  const bool is_tiled = TIFFIsTiled(tiff.get());
  const BlockGrid grid = read_grid(directory, layout, is_tiled, decoding);
  const auto row_bytes = static_cast<size_t>(is_tiled ? TIFFTileRowSize(tiff.get()) : TIFFScanlineSize(tiff.get()));
  if (row_bytes != layout.row_bytes(grid.width))
    decoding.fail(fmt::format("rows of {} bytes, expected {}", row_bytes, layout.row_bytes(grid.width)));
  const size_t block_bytes = row_bytes * grid.height;
  // Twice: libjpeg may hold a block's coefficients, of two bytes each.
  const size_t num_copies = layout.compression == COMPRESSION_JPEG ? 3 : 1;
  decoding.take_memory(static_cast<int64_t>(block_bytes * (layout.num_planes() + num_copies - 1)));
  StoredBlocks stored(directory, layout, is_tiled, decoding);
  std::vector<uint8_t> blocks[4];
  const auto read_block = [&](size_t plane, size_t across, size_t down) -> Bytes {
    std::vector<uint8_t>& block = blocks[plane];
    block.resize(block_bytes);
    const auto left = static_cast<uint32_t>(across * grid.width), top = static_cast<uint32_t>(down * grid.height);
    const auto sample = static_cast<uint16_t>(plane);
    const uint32_t index =
        is_tiled ? TIFFComputeTile(tiff.get(), left, top, 0, sample) : TIFFComputeStrip(tiff.get(), top, sample);
    const size_t rows = is_tiled ? grid.height : std::min(grid.height, static_cast<size_t>(layout.height) - top);
    const std::span<uint8_t> from = stored[index];
    decoding.spend_time(from.size() + block.size());
    if (from.empty() || !TIFFReadFromUserBuffer(tiff.get(), index, from.data(), std::ssize(from), block.data(),
                                                static_cast<tmsize_t>(row_bytes * rows))) {
      decoding.fail(kDamaged);
    }
    return Bytes(block).first(row_bytes * rows);
  };
  copy_blocks(layout, grid, read_block, picture);
}

}  // namespace

Decoded decode_tiff(Decoding& decoding) {
  const auto directory = TiffDirectory::read(decoding.bytes());
  if (!directory) decoding.fail("the header is damaged or cut off");
  const TiffLayout layout = read_tiff_layout(*directory, decoding);
  const std::vector<int64_t> subsampling = directory->values(kTagSubsampling);
  const bool is_compressed = layout.compression != COMPRESSION_NONE,
             is_subsampled = std::ranges::any_of(subsampling, [](int64_t factor) { return factor > 1; });
  if (layout.kind == TiffKind::kYcbcr && !is_compressed && is_subsampled)
    decoding.fail("uncompressed YCbCr with subsampling");
  Picture picture = decoding.make_picture(layout.width, layout.height);
  if (is_compressed)
    read_compressed(*directory, layout, decoding, picture);
  else
    read_uncompressed(*directory, layout, decoding, picture);
  const int orientation = directory->has(kTagOrientation)
                              ? static_cast<int>(std::clamp<int64_t>(directory->value(kTagOrientation, 1), 0, 9))
                              : find_orientation({}, directory->data(kTagXmp));
  return {std::move(picture), orientation};
}

}  // namespace molmo::image
