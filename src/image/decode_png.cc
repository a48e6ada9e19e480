// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "image/decode_formats.h"

namespace molmo::image {
namespace {

// As in the JPEG decoder, all state lives outside the frames that libpng's longjmp leaves.
struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes bytes;
  size_t position = 0;
  std::string message;
  Picture picture;
  std::vector<uint8_t> rows;  // as libpng delivers them
  std::vector<png_bytep> row_pointers;
  bool is_grey16 = false;
  int orientation = 1;
};

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (state->bytes.size() - state->position < count) png_error(png, "file ends early");
  std::memcpy(out, state->bytes.data() + state->position, count);
  state->position += count;
}

void note_error(png_structp png, png_const_charp message) {
  static_cast<PngState*>(png_get_error_ptr(png))->message = message;
  png_longjmp(png, 1);
}
void ignore_warning(png_structp, png_const_charp) {}

bool read_header(PngState& state) {
  if (setjmp(png_jmpbuf(state.png)) != 0) return false;
  png_set_read_fn(state.png, &state, read_bytes);
  png_set_crc_action(state.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // a wrong checksum does not stop the reference
  png_set_user_limits(state.png, 0x7fffffff, 0x7fffffff);
  png_read_info(state.png, state.info);
  return true;
}

// Everything becomes RGB of 8 bits by the rules of spec/preprocess.md §1.1; 16-bit grey stays for saturation.
void set_transforms(PngState& state) {
  const png_byte color = png_get_color_type(state.png, state.info), depth = png_get_bit_depth(state.png, state.info);
  state.is_grey16 = color == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(state.png);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(state.png);
  if (depth == 16 && !state.is_grey16) png_set_strip_16(state.png);
  if (color & PNG_COLOR_MASK_ALPHA || png_get_valid(state.png, state.info, PNG_INFO_tRNS)) png_set_strip_alpha(state.png);
  if (!(color & PNG_COLOR_MASK_COLOR) && !state.is_grey16) png_set_gray_to_rgb(state.png);
  png_set_interlace_handling(state.png);
}

bool start_rows(PngState& state) {
  if (setjmp(png_jmpbuf(state.png)) != 0) return false;
  set_transforms(state);
  png_read_update_info(state.png, state.info);
  return true;
}

// A damaged file keeps the rows before the damage; the others stay 0.
bool read_rows(PngState& state) {
  if (setjmp(png_jmpbuf(state.png)) != 0) return false;
  png_read_image(state.png, state.row_pointers.data());
  return true;
}

bool read_end(PngState& state) {
  if (setjmp(png_jmpbuf(state.png)) != 0) return false;
  png_read_end(state.png, state.info);
  return true;
}

void note_orientation(PngState& state) {
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(state.png, state.info, &size, &exif) != 0) state.orientation = exif_orientation({exif, size});
}

void copy_rows(PngState& state) {
  for (int y = 0; y < state.picture.height; ++y) {
    const uint8_t* from = state.row_pointers[static_cast<size_t>(y)];
    uint8_t* to = state.picture.row(y);
    for (int x = 0; x < state.picture.width; ++x) {
      if (state.is_grey16) {  // saturates instead of scaling
        const unsigned value = from[2 * x] * 256u + from[2 * x + 1];
        std::memset(to + 3 * x, static_cast<int>(std::min(value, 255u)), 3);
      } else {
        std::memcpy(to + 3 * x, from + 3 * x, 3);
      }
    }
  }
}

}  // namespace

Decoded decode_png(Bytes bytes, const std::string& where) {
  PngState state;
  state.bytes = bytes;
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, note_error, ignore_warning);
  state.info = png_create_info_struct(state.png);
  struct Destroyer {
    PngState& state;
    ~Destroyer() { png_destroy_read_struct(&state.png, &state.info, nullptr); }
  } destroyer{state};

  if (!read_header(state)) throw_undecodable(where, "PNG", state.message);
  const int64_t width = png_get_image_width(state.png, state.info), height = png_get_image_height(state.png, state.info);
  expect_size(width, height, where, "PNG");
  if (!start_rows(state)) throw_undecodable(where, "PNG", state.message);
  state.picture = Picture(static_cast<int>(width), static_cast<int>(height));
  const size_t row_bytes = png_get_rowbytes(state.png, state.info);
  state.rows.resize(row_bytes * static_cast<size_t>(height));
  for (int64_t y = 0; y < height; ++y) state.row_pointers.push_back(state.rows.data() + row_bytes * static_cast<size_t>(y));
  if (read_rows(state)) read_end(state);  // the eXIf chunk may follow the pixels
  note_orientation(state);
  copy_rows(state);
  return {std::move(state.picture), state.orientation};
}

}  // namespace molmo::image
