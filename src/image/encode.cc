// SPDX-License-Identifier: Apache-2.0
#include "image/encode.h"

#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <new>
// jpeglib.h needs size_t and FILE first.
#include <jpeglib.h>
#include <png.h>
// It needs jpeglib.h.
#include <jerror.h>

#include "base/files.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

[[noreturn]] void fail(const char* format, const Picture& picture, const std::string& what) {
  throw Error(
      fmt::format("[image] cannot write a {} of {}x{} pixels: {}", format, picture.width, picture.height, what));
}

// libjpeg's errors return through longjmp instead of ending the process: nothing with a destructor may live in a frame
// that is jumped over, so all state is here, in the caller's frame.
struct JpegEncoder {
  ~JpegEncoder() {
    jpeg_destroy_compress(&encoder);
    std::free(buffer);
  }
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  std::jmp_buf on_error{};
  char message[JMSG_LENGTH_MAX] = "";
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
};

void jump_on_error(j_common_ptr common) {
  auto* state = static_cast<JpegEncoder*>(common->client_data);
  common->err->format_message(common, state->message);
  std::longjmp(state->on_error, 1);
}

bool write_jpeg(JpegEncoder& state, const Picture& picture, int quality) {
  if (setjmp(state.on_error) != 0) return false;
  jpeg_compress_struct& encoder = state.encoder;
  jpeg_create_compress(&encoder);
  jpeg_mem_dest(&encoder, &state.buffer, &state.size);
  encoder.image_width = static_cast<JDIMENSION>(picture.width);
  encoder.image_height = static_cast<JDIMENSION>(picture.height);
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, quality, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  for (int y = 0; y < picture.height; ++y) {
    JSAMPROW row = const_cast<uint8_t*>(picture.row(y));
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  return true;
}

}  // namespace

std::string encode_png(const Picture& picture) {
  if (picture.pixels.empty()) fail("PNG", picture, "expected at least 1x1");
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.pixels.data(), 0, nullptr))
    fail("PNG", picture, image.message);
  bytes.resize(size);
  bytes.shrink_to_fit();
  return bytes;
}

std::string encode_jpeg(const Picture& picture, int quality) {
  if (std::max(picture.width, picture.height) > kLongestJpegSide)
    fail("JPEG", picture, fmt::format("expected sides of at most {}; a PNG can be longer", kLongestJpegSide));
  JpegEncoder state;
  state.encoder.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = jump_on_error;
  state.encoder.client_data = &state;
  if (!write_jpeg(state, picture, quality)) {
    if (state.errors.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    fail("JPEG", picture, state.message);
  }
  return {reinterpret_cast<char*>(state.buffer), state.size};
}

void expect_writable_picture(const std::filesystem::path& path) {
  const std::string extension = lower_ascii(path.extension().string());
  if (extension != ".png" && extension != ".jpg" && extension != ".jpeg") {
    throw Error(fmt::format("[image] {}: extension '{}', expected .png, .jpg or .jpeg", path.string(), extension));
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder))
    throw Error(fmt::format("[image] {}: no such folder: {}", path.string(), folder.string()));
}

void save_picture(const std::filesystem::path& path, const Picture& picture) {
  constexpr int kJpegQuality = 92;
  expect_writable_picture(path);
  const bool is_png = lower_ascii(path.extension().string()) == ".png";
  write_file_atomically(path, is_png ? encode_png(picture) : encode_jpeg(picture, kJpegQuality));
}

}  // namespace molmo::image
