// SPDX-License-Identifier: Apache-2.0
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

struct WebpDeleter {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
  void operator()(uint8_t* pixels) const { WebPFree(pixels); }
};
template <class T>
using WebpPointer = std::unique_ptr<T, WebpDeleter>;

// Alpha is dropped, not composited.
Picture without_alpha(const uint8_t* rgba, int width, int height) {
  Picture picture(width, height);
  for (size_t i = 0; i < picture.pixels.size() / 3; ++i) std::memcpy(picture.pixels.data() + 3 * i, rgba + 4 * i, 3);
  return picture;
}

Picture first_frame(const WebPData& data, const std::string& where) {
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const WebpPointer<WebPAnimDecoder> decoder(WebPAnimDecoderNew(&data, &options));
  WebPAnimInfo info;
  uint8_t* frame = nullptr;
  int timestamp = 0;
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &info) || !WebPAnimDecoderGetNext(decoder.get(), &frame, &timestamp)) {
    throw_undecodable(where, "WebP", "the first frame is damaged or cut off");
  }
  return without_alpha(frame, static_cast<int>(info.canvas_width), static_cast<int>(info.canvas_height));
}

int orientation_of(const WebPData& data) {
  const WebpPointer<WebPDemuxer> demuxer(WebPDemux(&data));
  WebPChunkIterator chunk;
  int orientation = 1;
  if (demuxer && WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) {
    orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  return orientation;
}

}  // namespace

Decoded decode_webp(Bytes bytes, const std::string& where) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK) throw_undecodable(where, "WebP", "the header is damaged or cut off");
  expect_size(features.width, features.height, where, "WebP");
  const WebPData data{bytes.data(), bytes.size()};
  if (features.has_animation) return {first_frame(data, where), orientation_of(data)};
  int width = 0, height = 0;
  const WebpPointer<uint8_t> rgba(WebPDecodeRGBA(bytes.data(), bytes.size(), &width, &height));
  if (!rgba) throw_undecodable(where, "WebP", "the picture is damaged or cut off");
  return {without_alpha(rgba.get(), width, height), orientation_of(data)};
}

}  // namespace molmo::image
