// SPDX-License-Identifier: Apache-2.0
#include <gif_lib.h>

#include <cstring>
#include <memory>

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

// Moves to the first picture; extensions are skipped.
bool find_first_frame(GifFileType* gif) {
  GifRecordType record;
  while (DGifGetRecordType(gif, &record) == GIF_OK) {
    if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK;
    if (record != EXTENSION_RECORD_TYPE) return false;
    int code = 0;
    GifByteType* extension = nullptr;
    if (DGifGetExtension(gif, &code, &extension) != GIF_OK) return false;
    while (extension != nullptr) {
      if (DGifGetExtensionNext(gif, &extension) != GIF_OK) return false;
    }
  }
  return false;
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

// A cut file leaves the rest at palette entry 0.
std::vector<uint8_t> read_indices(GifFileType* gif) {
  const GifImageDesc& frame = gif->Image;
  std::vector<uint8_t> indices(size_t(frame.Width) * frame.Height, 0);
  std::vector<uint8_t> line(static_cast<size_t>(frame.Width));
  for (const int y : line_order(frame.Height, frame.Interlace)) {
    if (DGifGetLine(gif, line.data(), frame.Width) != GIF_OK) break;
    std::copy(line.begin(), line.end(), indices.begin() + ptrdiff_t(y) * frame.Width);
  }
  return indices;
}

}  // namespace

Decoded decode_gif(Bytes bytes, const std::string& where) {
  MemoryFile file{.bytes = bytes};
  const GifPointer gif(DGifOpen(&file, read_memory, nullptr));
  if (!gif || !find_first_frame(gif.get())) throw_undecodable(where, "GIF", "no picture in it, or the header is damaged");
  const GifImageDesc& frame = gif->Image;
  expect_size(frame.Width, frame.Height, where, "GIF");
  const int64_t canvas_width = std::max<int64_t>(gif->SWidth, int64_t{frame.Left} + frame.Width);
  const int64_t canvas_height = std::max<int64_t>(gif->SHeight, int64_t{frame.Top} + frame.Height);
  expect_size(canvas_width, canvas_height, where, "GIF");
  const ColorMapObject* palette = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  if (palette == nullptr) throw_undecodable(where, "GIF", "no palette");

  const std::vector<uint8_t> indices = read_indices(gif.get());
  const auto color = [&](int index, uint8_t* out) {
    const GifColorType entry = index < palette->ColorCount ? palette->Colors[index] : GifColorType{0, 0, 0};
    out[0] = entry.Red, out[1] = entry.Green, out[2] = entry.Blue;
  };
  Picture picture(static_cast<int>(canvas_width), static_cast<int>(canvas_height));
  for (size_t i = 0; i < picture.pixels.size(); i += 3) color(0, picture.pixels.data() + i);
  for (int y = 0; y < frame.Height; ++y) {
    for (int x = 0; x < frame.Width; ++x) color(indices[size_t(y) * frame.Width + x], picture.row(frame.Top + y) + 3 * (frame.Left + x));
  }
  return {std::move(picture), 1};
}

}  // namespace molmo::image
