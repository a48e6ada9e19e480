// SPDX-License-Identifier: Apache-2.0
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "image/decode_formats.h"
#include "image/orientation.h"

namespace molmo::image {
namespace {

constexpr size_t kStep = size_t{1} << 14;  // bytes of the file between looks at the clock
constexpr size_t kRgba = 4;

struct Deleter {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

// The iterator holds on to the demuxer until it is released.
struct Frame : WebPIterator {
  explicit Frame(const WebPDemuxer* demuxer) : WebPIterator{} { is_there = WebPDemuxGetFrame(demuxer, 1, this) != 0; }
  ~Frame() { WebPDemuxReleaseIterator(this); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  bool is_there;
};

// A chunk of the container; empty where it is absent.
Bytes chunk_of(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator found;
  if (!WebPDemuxGetChunk(demuxer, name, 1, &found)) return {};
  const Bytes chunk(found.chunk.bytes, found.chunk.size);
  WebPDemuxReleaseChunkIterator(&found);
  return chunk;
}

// RGBA of a frame. Piece by piece: that is where the time is looked at.
std::vector<uint8_t> decode_frame(const Frame& frame, Decoding& decoding) {
  const Bytes bytes(frame.fragment.bytes, frame.fragment.size);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config) || WebPGetFeatures(bytes.data(), bytes.size(), &config.input) != VP8_STATUS_OK ||
      config.input.width != frame.width || config.input.height != frame.height) {
    decoding.fail("the first frame is damaged or cut off");
  }
  constexpr int kLossless = 2;
  const int64_t num_pixels = int64_t{frame.width} * frame.height;
  decoding.take_memory(num_pixels * static_cast<int64_t>(kRgba + (config.input.format == kLossless ? kRgba : 2)));
  std::vector<uint8_t> rgba(kRgba * static_cast<size_t>(num_pixels));
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {.rgba = rgba.data(), .stride = static_cast<int>(kRgba) * frame.width, .size = rgba.size()};
  const std::unique_ptr<WebPIDecoder, Deleter> decoder(WebPIDecode(nullptr, 0, &config));
  VP8StatusCode status = VP8_STATUS_SUSPENDED;
  for (size_t end = 0; decoder && status == VP8_STATUS_SUSPENDED && end < bytes.size();) {
    end = std::min(end + kStep, bytes.size());
    status = WebPIUpdate(decoder.get(), bytes.data(), end);
    decoding.spend_time(size_t{1} << 20);
  }
  if (status != VP8_STATUS_OK) decoding.fail("the first frame is damaged or cut off");
  return rgba;
}

}  // namespace

// Like the reference, which takes every file for an animation: the file must be complete, and a frame that is smaller
// than the canvas lies on transparent black.
Decoded decode_webp(Decoding& decoding) {
  const WebPData data{decoding.bytes().data(), decoding.bytes().size()};
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data.bytes, data.size, &features) != VP8_STATUS_OK)
    decoding.fail("the header is damaged or cut off");
  decoding.expect_size(features.width, features.height);
  const std::unique_ptr<WebPDemuxer, Deleter> demuxer(WebPDemux(&data));
  if (!demuxer) decoding.fail("the file is damaged or cut off");
  const Frame frame(demuxer.get());
  if (!frame.is_there) decoding.fail("the file is damaged or cut off");
  Picture picture = decoding.make_picture(WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH),
                                          WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT));
  const std::vector<uint8_t> rgba = decode_frame(frame, decoding);
  picture.num_transparent = std::ssize(picture.pixels) / 3;
  const uint8_t* from = rgba.data();
  for (int y = 0; y < frame.height; ++y) {
    uint8_t* to = picture.row(frame.y_offset + y) + size_t{3} * frame.x_offset;
    for (int x = 0; x < frame.width; ++x, from += kRgba, to += 3) {
      std::memcpy(to, from, 3);  // alpha is dropped, not composited
      picture.num_transparent -= from[3] != 0;
    }
  }
  return {std::move(picture), find_orientation(chunk_of(demuxer.get(), "EXIF"), chunk_of(demuxer.get(), "XMP "))};
}

}  // namespace molmo::image
