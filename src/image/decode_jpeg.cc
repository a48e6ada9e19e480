// SPDX-License-Identifier: Apache-2.0
#include <csetjmp>
#include <cstdio>
#include <cstring>
// jpeglib.h needs FILE first.
#include <jpeglib.h>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

// libjpeg's errors return through longjmp: nothing with a destructor may live in a frame that is jumped over, so all
// state is here, in the caller's frame.
struct JpegState {
  jpeg_decompress_struct decoder;
  jpeg_error_mgr errors;
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX] = "";
  Bytes bytes;
  Picture picture;
  std::vector<uint8_t> line;
  int orientation = 1;
  bool is_adobe = false;
};

void jump_on_error(j_common_ptr common) {
  auto* state = static_cast<JpegState*>(common->client_data);
  common->err->format_message(common, state->message);
  std::longjmp(state->on_error, 1);
}
void ignore_warning(j_common_ptr, int) {}

bool read_header(JpegState& state) {
  if (setjmp(state.on_error) != 0) return false;
  jpeg_create_decompress(&state.decoder);
  jpeg_mem_src(&state.decoder, state.bytes.data(), state.bytes.size());
  jpeg_save_markers(&state.decoder, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&state.decoder, TRUE);
  return true;
}

// Rows that a truncated file lacks come out grey.
bool read_rows(JpegState& state) {
  if (setjmp(state.on_error) != 0) return false;
  jpeg_decompress_struct& decoder = state.decoder;
  const bool is_cmyk = decoder.jpeg_color_space == JCS_CMYK || decoder.jpeg_color_space == JCS_YCCK;
  decoder.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&decoder);
  while (decoder.output_scanline < decoder.output_height) {
    uint8_t* out = state.picture.row(static_cast<int>(decoder.output_scanline));
    JSAMPROW row = is_cmyk ? state.line.data() : out;
    jpeg_read_scanlines(&decoder, &row, 1);
    if (!is_cmyk) continue;
    const uint8_t invert = state.is_adobe ? 255 : 0;  // Adobe writes CMYK inverted
    for (int x = 0; x < state.picture.width; ++x) {
      const uint8_t* ink = row + 4 * x;
      for (int c = 0; c < 3; ++c) out[3 * x + c] = cmyk_channel(ink[c] ^ invert, ink[3] ^ invert);
    }
  }
  return true;
}

}  // namespace

Decoded decode_jpeg(Bytes bytes, const std::string& where) {
  JpegState state{};
  state.bytes = bytes;
  state.decoder.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = jump_on_error;
  state.errors.emit_message = ignore_warning;
  state.decoder.client_data = &state;
  struct Destroyer {
    JpegState& state;
    ~Destroyer() { jpeg_destroy_decompress(&state.decoder); }
  } destroyer{state};

  if (!read_header(state)) throw_undecodable(where, "JPEG", state.message);
  expect_size(state.decoder.image_width, state.decoder.image_height, where, "JPEG");
  for (jpeg_saved_marker_ptr marker = state.decoder.marker_list; marker != nullptr; marker = marker->next) {
    const Bytes data(marker->data, marker->data_length);
    if (data.size() > 6 && std::memcmp(data.data(), "Exif\0\0", 6) == 0) state.orientation = exif_orientation(data);
  }
  state.is_adobe = state.decoder.saw_Adobe_marker;
  state.picture = Picture(static_cast<int>(state.decoder.image_width), static_cast<int>(state.decoder.image_height));
  state.line.resize(size_t{4} * state.decoder.image_width);
  if (!read_rows(state)) throw_undecodable(where, "JPEG", state.message);
  return {std::move(state.picture), state.orientation};
}

}  // namespace molmo::image
