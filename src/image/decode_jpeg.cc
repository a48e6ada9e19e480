// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string_view>
// jpeglib.h needs FILE first.
#include <jpeglib.h>
// It needs jpeglib.h.
#include <jerror.h>

#include "image/decode_formats.h"
#include "image/orientation.h"

namespace molmo::image {
namespace {

// libjpeg's errors return through longjmp: nothing with a destructor may live in a frame that is jumped over, so all
// state is here, in the caller's frame.
struct JpegState {
  explicit JpegState(Decoding& decoding) : decoding(decoding) {}

  Decoding& decoding;
  jpeg_decompress_struct decoder{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error{};
  char message[JMSG_LENGTH_MAX] = "";
  enum { kNone, kScans, kTime, kMemory } excess = kNone;  // which limit ended it
  Picture picture;
  std::vector<uint8_t> line;
  int num_rows = 0;  // that were decoded
};

void jump_on_error(j_common_ptr common) {
  auto* state = static_cast<JpegState*>(common->client_data);
  common->err->format_message(common, state->message);
  if (common->err->msg_code == JERR_NO_BACKING_STORE) state->excess = JpegState::kMemory;
  std::longjmp(state->on_error, 1);
}
// Called for every row of blocks, also while the scans of a progressive picture are read.
void watch_limits(j_common_ptr common) {
  auto* state = static_cast<JpegState*>(common->client_data);
  if (state->decoder.input_scan_number > state->decoding.limits().max_scans) state->excess = JpegState::kScans;
  if (state->decoding.is_over_time(size_t{3} * state->decoder.image_width)) state->excess = JpegState::kTime;
  if (state->excess != JpegState::kNone) std::longjmp(state->on_error, 1);
}
void ignore_warning(j_common_ptr, int) {}

bool read_header(JpegState& state) {
  if (setjmp(state.on_error) != 0) return false;
  jpeg_create_decompress(&state.decoder);
  jpeg_mem_src(&state.decoder, state.decoding.bytes().data(), state.decoding.bytes().size());
  jpeg_save_markers(&state.decoder, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&state.decoder, TRUE);
  return true;
}

// Rows that a truncated file lacks come out grey; a fatal error keeps the rows before it.
void read_rows(JpegState& state) {
  if (setjmp(state.on_error) != 0) return;
  jpeg_decompress_struct& decoder = state.decoder;
  const bool is_cmyk = decoder.num_components == 4;
  decoder.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&decoder);
  while (decoder.output_scanline < decoder.output_height) {
    uint8_t* out = state.picture.row(static_cast<int>(decoder.output_scanline));
    JSAMPROW row = is_cmyk ? state.line.data() : out;
    jpeg_read_scanlines(&decoder, &row, 1);
    ++state.num_rows;
    if (!is_cmyk) continue;
    for (int x = 0; x < state.picture.width; ++x) {
      // CMYK is inverted, as Adobe writes it; the reference asks for no Adobe marker.
      const uint8_t* light = row + 4 * x;
      for (int c = 0; c < 3; ++c)
        out[3 * x + c] = cmyk_channel(static_cast<uint8_t>(255 - light[c]), static_cast<uint8_t>(255 - light[3]));
    }
  }
}

// EXIF may go over several segments; of XMP the last one counts.
int orientation_of(const jpeg_decompress_struct& decoder) {
  constexpr std::string_view kExif("Exif\0\0", 6), kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
  std::vector<uint8_t> exif;
  Bytes xmp;
  for (jpeg_saved_marker_ptr marker = decoder.marker_list; marker != nullptr; marker = marker->next) {
    const Bytes data(marker->data, marker->data_length);
    const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
    if (text.starts_with(kExif)) exif.insert(exif.end(), data.begin() + (exif.empty() ? 0 : kExif.size()), data.end());
    if (text.starts_with(kXmp)) xmp = data.subspan(kXmp.size());
  }
  return find_orientation(exif, xmp);
}

// A picture beyond a limit is refused, whatever rows of it are there.
void expect_limits(const JpegState& state) {
  const DecodeLimits& limits = state.decoding.limits();
  switch (state.excess) {
    case JpegState::kNone:
      return;
    case JpegState::kScans:
      state.decoding.fail(fmt::format("more scans than max_scans = {}", limits.max_scans));
    case JpegState::kTime:
      state.decoding.fail_time();
    case JpegState::kMemory:
      state.decoding.fail(
          fmt::format("a progressive picture of {}x{} pixels, which needs more memory than max_bytes = {}",
                      state.picture.width, state.picture.height, limits.max_bytes));
  }
}

}  // namespace

Decoded decode_jpeg(Decoding& decoding) {
  JpegState state(decoding);
  state.decoder.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = jump_on_error;
  state.errors.emit_message = ignore_warning;
  state.decoder.client_data = &state;
  struct Destroyer {
    JpegState& state;
    ~Destroyer() { jpeg_destroy_decompress(&state.decoder); }
  } destroyer{state};

  decoding.take_memory(std::ssize(decoding.bytes()));  // markers that are kept
  if (!read_header(state)) decoding.fail(state.message);
  const int64_t width = state.decoder.image_width, height = state.decoder.image_height;
  state.picture = decoding.make_picture(width, height);
  if (state.decoder.num_components == 4)
    std::fill(state.picture.pixels.begin(), state.picture.pixels.end(), uint8_t{255});  // no ink
  state.line.resize(size_t{4} * state.decoder.image_width);
  state.decoder.mem->max_memory_to_use =
      static_cast<long>(std::max<int64_t>(1, decoding.memory_left()));  // 0: no limit
  state.progress.progress_monitor = watch_limits;
  state.decoder.progress = &state.progress;
  read_rows(state);
  expect_limits(state);
  if (state.num_rows == 0) decoding.fail(state.message);
  return {std::move(state.picture), orientation_of(state.decoder)};
}

}  // namespace molmo::image
