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
};

// A chunk of the container; empty where it is absent. It lies in the decoder's data.
Bytes chunk_of(const WebPAnimDecoder* decoder, const char* name) {
  WebPChunkIterator found;
  if (!WebPDemuxGetChunk(WebPAnimDecoderGetDemuxer(decoder), name, 1, &found)) return {};
  const Bytes chunk(found.chunk.bytes, found.chunk.size);
  WebPDemuxReleaseChunkIterator(&found);
  return chunk;
}

}  // namespace

// Like the reference, every file goes through the decoder of animations, which asks for a complete one.
Decoded decode_webp(Bytes bytes, const std::string& where) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK)
    throw_undecodable(where, "WebP", "the header is damaged or cut off");
  expect_size(features.width, features.height, bytes, where, "WebP");

  const WebPData data{bytes.data(), bytes.size()};
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const std::unique_ptr<WebPAnimDecoder, WebpDeleter> decoder(WebPAnimDecoderNew(&data, &options));
  WebPAnimInfo info;
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &info))
    throw_undecodable(where, "WebP", "the file is damaged or cut off");
  expect_size(info.canvas_width, info.canvas_height, bytes, where, "WebP");
  uint8_t* rgba = nullptr;
  int timestamp = 0;
  if (!WebPAnimDecoderGetNext(decoder.get(), &rgba, &timestamp))
    throw_undecodable(where, "WebP", "the first frame is damaged or cut off");
  Picture picture(static_cast<int>(info.canvas_width),
                  static_cast<int>(info.canvas_height));  // alpha is dropped, not composited
  for (size_t i = 0; i < picture.pixels.size() / 3; ++i) std::memcpy(picture.pixels.data() + 3 * i, rgba + 4 * i, 3);
  return {std::move(picture), find_orientation(chunk_of(decoder.get(), "EXIF"), chunk_of(decoder.get(), "XMP "))};
}

}  // namespace molmo::image
