// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>

#include "base/check.h"
#include "image/orientation.h"
#include "image/png_chunks.h"

namespace molmo::image {
namespace {

// libpng's errors return through longjmp: nothing with a destructor may live in a frame that is jumped over, so all
// state lives in the caller's frame.
struct PngState {
  explicit PngState(Decoding& decoding) : decoding(decoding) {}

  Decoding& decoding;
  png_structp png = nullptr;
  png_infop info = nullptr;
  PngFile file;
  size_t position = 0;  // in file.stream
  std::string message;
  std::vector<uint8_t> rows;               // as libpng delivers them: all of an interlaced picture, else one
  std::array<uint8_t, 3 * 256> colors{};   // RGB of each index or grey value of up to 8 bits
  std::array<bool, 256> is_transparent{};  // of indices
  Picture picture;
  int num_rows = 0;  // that were decoded, of any pass

  uint8_t* line(int y) { return rows.data() + (file.is_interlaced ? file.row_bytes() * static_cast<size_t>(y) : 0); }
};

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (state->file.stream.size() - state->position < count) png_error(png, "file ends early");
  std::memcpy(out, state->file.stream.data() + state->position, count);
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
  png_set_crc_action(state.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
  png_set_user_limits(state.png, 0x7fffffff, 0x7fffffff);
  png_read_info(state.png, state.info);
  png_set_packing(state.png);
  png_set_interlace_handling(state.png);
  png_read_update_info(state.png, state.info);
  MOLMO_CHECK(png_get_rowbytes(state.png, state.info) == state.file.row_bytes());
  return true;
}

void set_colors(PngState& state) {
  const PngFile& file = state.file;
  if (file.color == kPngPalette) {
    const size_t num_colors = file.palette.size() / 3;
    if (num_colors == 0 || num_colors > 256)
      state.decoding.fail(fmt::format("palette of {} colors, expected 1 to 256", num_colors));
    std::memcpy(state.colors.data(), file.palette.data(), 3 * num_colors);
    for (size_t i = 0; i < std::min<size_t>(file.transparency.size(), 256); ++i)
      state.is_transparent[i] = file.transparency[i] == 0;
  } else if (file.depth <= 8) {
    const unsigned top = (1u << file.depth) - 1;
    for (unsigned value = 0; value <= top; ++value)
      std::memset(state.colors.data() + 3 * value, static_cast<int>(value * 255 / top), 3);
    if (file.color == kPngGrey && file.transparency.size() >= 2) state.is_transparent[file.transparency[1]] = true;
  }
}

// Of a row, those with an alpha of 0, an index of that alpha, or the value that stands for it.
int64_t count_transparent(const PngState& state, const uint8_t* row) {
  const PngFile& file = state.file;
  const size_t bytes = file.depth == 16 ? 2 : 1, channels = file.channels(), step = bytes * channels;
  int64_t count = 0;
  if (file.color == kPngGreyAlpha || file.color == kPngRgba) {
    const uint8_t* alpha = row + bytes * (channels - 1);
    for (int64_t x = 0; x < file.width; ++x, alpha += step) count += alpha[0] == 0 && alpha[bytes - 1] == 0;
  } else if (step == 1 && !file.transparency.empty()) {
    for (int64_t x = 0; x < file.width; ++x) count += state.is_transparent[row[x]];
  } else if (file.transparency.size() >= 2 * channels) {
    std::array<uint8_t, 6> value{};
    for (size_t i = 0; i < step; ++i) value[i] = file.transparency[bytes == 2 ? i : 2 * i + 1];
    for (int64_t x = 0; x < file.width; ++x, row += step) count += std::memcmp(row, value.data(), step) == 0;
  }
  return count;
}

// By the rules of spec/preprocess.md §1.1: alpha is dropped, 16-bit grey saturates, other 16-bit samples give their
// high byte.
void convert_row(PngState& state, int y) {
  const PngFile& file = state.file;
  const uint8_t* from = state.line(y);
  uint8_t* to = state.picture.row(y);
  state.picture.num_transparent += count_transparent(state, from);
  const size_t bytes = file.depth == 16 ? 2 : 1;
  const bool is_color = file.color == kPngRgb || file.color == kPngRgba,
             has_alpha = file.color == kPngGreyAlpha || file.color == kPngRgba;
  const size_t step = bytes * ((is_color ? 3 : 1) + (has_alpha ? 1 : 0));
  for (int x = 0; x < state.picture.width; ++x, from += step, to += 3) {
    if (is_color) {
      for (size_t c = 0; c < 3; ++c) to[c] = from[bytes * c];
    } else if (bytes == 2 && !has_alpha) {
      std::memset(to, from[0] > 0 ? 255 : from[1], 3);
    } else if (has_alpha) {
      std::memset(to, from[0], 3);
    } else {
      std::memcpy(to, state.colors.data() + size_t{3} * from[0], 3);
    }
  }
}

void take_row(PngState& state) {
  if (!state.file.is_interlaced) convert_row(state, state.num_rows);
  ++state.num_rows;
}

// A damaged file keeps the rows before the damage. libpng can also fail after the last row, where the data go on.
void read_rows(PngState& state) {
  if (setjmp(png_jmpbuf(state.png)) != 0) {
    if (static_cast<int64_t>(png_get_current_row_number(state.png)) > state.num_rows) take_row(state);
    return;
  }
  const int num_passes = state.file.is_interlaced ? 7 : 1;
  for (int pass = 0; pass < num_passes; ++pass) {
    for (int y = 0; y < state.picture.height; ++y) {
      state.decoding.spend_time(state.file.row_bytes());
      png_read_row(state.png, state.line(y), nullptr);
      take_row(state);
    }
  }
}

// Rows that the file lacks are 0 as it would store them.
void finish_rows(PngState& state) {
  const int64_t num_transparent = state.picture.num_transparent;
  if (!state.file.is_interlaced) std::fill(state.rows.begin(), state.rows.end(), uint8_t{0});
  for (int y = state.file.is_interlaced ? 0 : state.num_rows; y < state.picture.height; ++y) convert_row(state, y);
  if (!state.file.is_interlaced) state.picture.num_transparent = num_transparent;  // what is missing is not hidden
}

}  // namespace

Decoded decode_png(Decoding& decoding) {
  PngState state(decoding);
  state.file = read_png_chunks(decoding);
  const PngFile& file = state.file;
  const size_t num_lines = file.is_interlaced ? static_cast<size_t>(file.height) : 1;
  constexpr size_t kLinesOfLibpng = 3;
  decoding.take_memory(static_cast<int64_t>(file.row_bytes() * (num_lines + kLinesOfLibpng)));
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, note_error, ignore_warning);
  state.info = png_create_info_struct(state.png);
  struct Destroyer {
    PngState& state;
    ~Destroyer() { png_destroy_read_struct(&state.png, &state.info, nullptr); }
  } destroyer{state};

  if (!read_header(state)) decoding.fail(state.message);
  set_colors(state);
  state.picture = decoding.make_picture(file.width, file.height);
  state.rows.resize(file.row_bytes() * num_lines);
  read_rows(state);
  decoding.expect_rows(state.num_rows);
  finish_rows(state);
  return {std::move(state.picture), find_orientation(file.exif, file.xmp)};
}

}  // namespace molmo::image
