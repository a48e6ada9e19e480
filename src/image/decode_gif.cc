// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

struct MemoryFile {
  Bytes bytes;
  size_t position = 0;
};

int read_memory(GifFileType* gif, GifByteType* out, int size) {
  auto* file = static_cast<MemoryFile*>(gif->UserData);
  const size_t count = std::min<size_t>(static_cast<size_t>(size), file->bytes.size() - file->position);
  std::memcpy(out, file->bytes.data() + file->position, count);
  file->position += count;
  return static_cast<int>(count);
}

struct GifCloser {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using GifPointer = std::unique_ptr<GifFileType, GifCloser>;

// Moves to the first picture. `transparent` becomes that index of the extensions before it, if one has it.
bool find_first_frame(GifFileType* gif, std::optional<int>& transparent) {
  GifRecordType record;
  while (DGifGetRecordType(gif, &record) == GIF_OK) {
    if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK;
    if (record != EXTENSION_RECORD_TYPE) return false;
    int code = 0;
    GifByteType* extension = nullptr;
    if (DGifGetExtension(gif, &code, &extension) != GIF_OK) return false;
    if (code == GRAPHICS_EXT_FUNC_CODE && extension != nullptr && extension[0] >= 4 && extension[1] & 1)
      transparent = extension[4];
    while (extension != nullptr) {
      if (DGifGetExtensionNext(gif, &extension) != GIF_OK) return false;
    }
  }
  return false;
}

// The code blocks that are there, and the bits of an index.
std::vector<uint8_t> read_codes(GifFileType* gif, int* bits) {
  std::vector<uint8_t> codes;
  GifByteType* block = nullptr;
  bool has_block = DGifGetCode(gif, bits, &block) == GIF_OK;
  for (; has_block && block != nullptr; has_block = DGifGetCodeNext(gif, &block) == GIF_OK)
    codes.insert(codes.end(), block + 1, block + 1 + block[0]);
  return codes;
}

// Indices up to the first invalid code. giflib's own decoder goes on after it, with noise.
std::vector<uint8_t> decode_lzw(Bytes codes, int bits, size_t num_pixels, Decoding& decoding) {
  constexpr unsigned kTableSize = 4096, kMostBits = 12, kNone = kTableSize;
  const unsigned clear = 1u << bits, end = clear + 1;
  std::array<uint16_t, kTableSize> prefix{};
  std::array<uint8_t, kTableSize> suffix{};
  std::vector<uint8_t> indices, reversed;
  indices.reserve(num_pixels + kTableSize);  // the last string may be longer than what is missing
  unsigned code_bits = static_cast<unsigned>(bits) + 1, next = clear + 2, previous = kNone, first = 0, buffer = 0,
           num_buffered = 0;
  for (const uint8_t byte : codes) {
    buffer |= unsigned{byte} << num_buffered, num_buffered += 8;
    while (num_buffered >= code_bits) {
      const unsigned code = buffer & ((1u << code_bits) - 1);
      buffer >>= code_bits, num_buffered -= code_bits;
      if (code == clear) {
        code_bits = static_cast<unsigned>(bits) + 1, next = clear + 2, previous = kNone;
        continue;
      }
      if (code == end || code > next || (previous == kNone && code > clear) || indices.size() >= num_pixels)
        return indices;
      decoding.spend_time(reversed.size());
      reversed.clear();
      if (code == next) reversed.push_back(static_cast<uint8_t>(first));  // the string that this code is about to make
      unsigned at = code == next ? previous : code;
      for (; at > clear; at = prefix[at]) reversed.push_back(suffix[at]);
      first = at;
      indices.push_back(static_cast<uint8_t>(first));
      indices.insert(indices.end(), reversed.rbegin(), reversed.rend());
      if (previous != kNone && next < kTableSize) {
        prefix[next] = static_cast<uint16_t>(previous), suffix[next] = static_cast<uint8_t>(first);
        if (next == (1u << code_bits) - 1 && code_bits < kMostBits) ++code_bits;
        ++next;
      }
      previous = code;
    }
  }
  return indices;
}

// Lines of the frame in the order of the file.
std::vector<int> line_order(int height, bool is_interlaced) {
  std::vector<int> order;
  if (!is_interlaced) {
    for (int y = 0; y < height; ++y) order.push_back(y);
    return order;
  }
  constexpr int kPasses[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  for (const auto& [first, step] : kPasses) {
    for (int y = first; y < height; y += step) order.push_back(y);
  }
  return order;
}

// RGB of each index; without a palette the index is the grey value.
std::array<uint8_t, 3 * 256> colors_of(const ColorMapObject* palette) {
  std::array<uint8_t, 3 * 256> colors{};
  for (size_t i = 0; i < 256; ++i) {
    if (palette == nullptr)
      std::memset(&colors[3 * i], static_cast<int>(i), 3);
    else if (i < static_cast<size_t>(palette->ColorCount))
      std::memcpy(&colors[3 * i], &palette->Colors[i], 3);
  }
  return colors;
}

}  // namespace

Decoded decode_gif(Decoding& decoding) {
  MemoryFile file{.bytes = decoding.bytes()};
  const GifPointer gif(DGifOpen(&file, read_memory, nullptr));
  std::optional<int> transparent;
  if (!gif || !find_first_frame(gif.get(), transparent)) decoding.fail("no picture in it, or the header is damaged");
  const GifImageDesc& frame = gif->Image;
  decoding.expect_size(frame.Width, frame.Height);
  const int64_t width = std::max<int64_t>(gif->SWidth, int64_t{frame.Left} + frame.Width);
  const int64_t height = std::max<int64_t>(gif->SHeight, int64_t{frame.Top} + frame.Height);
  decoding.expect_size(width, height);

  const auto colors = colors_of(frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap);
  Picture picture = decoding.make_picture(width, height);
  const int background = transparent.value_or(0);
  for (size_t i = 0; i < picture.pixels.size(); i += 3)
    std::memcpy(&picture.pixels[i], &colors[3 * static_cast<size_t>(background)], 3);
  int bits = 0;
  decoding.take_memory(std::ssize(decoding.bytes()));
  const std::vector<uint8_t> codes = read_codes(gif.get(), &bits);
  const size_t frame_width = static_cast<size_t>(frame.Width),
               num_pixels = frame_width * static_cast<size_t>(frame.Height);
  decoding.take_memory(static_cast<int64_t>(num_pixels));
  std::vector<uint8_t> indices = decode_lzw(codes, bits, num_pixels, decoding);
  decoding.expect_rows(std::ssize(indices));
  indices.resize(num_pixels, static_cast<uint8_t>(background));
  if (transparent) {  // what the frame leaves of the canvas is transparent too
    const auto num_shown = std::ssize(indices) - std::ranges::count(indices, static_cast<uint8_t>(background));
    picture.num_transparent = width * height - num_shown;
  }
  const uint8_t* index = indices.data();
  for (const int y : line_order(frame.Height, frame.Interlace)) {
    uint8_t* out = picture.row(frame.Top + y) + 3 * static_cast<size_t>(frame.Left);
    for (size_t x = 0; x < frame_width; ++x, out += 3) std::memcpy(out, &colors[size_t{3} * *index++], 3);
  }
  return {std::move(picture), 1};
}

}  // namespace molmo::image
