// SPDX-License-Identifier: Apache-2.0
#include "image/encode.h"

#include <fmt/format.h>
// jpeglib.h needs size_t and FILE first.
#include <jpeglib.h>
#include <png.h>

#include <cstdio>

#include "base/check.h"
#include "base/files.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::image {

std::string encode_png(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  MOLMO_CHECK(png_image_write_to_memory(&image, nullptr, &size, 0, picture.pixels.data(), 0, nullptr), image.message);
  std::string bytes(size, '\0');
  MOLMO_CHECK(png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.pixels.data(), 0, nullptr),
              image.message);
  bytes.resize(size);
  return bytes;
}

std::string encode_jpeg(const Picture& picture, int quality) {
  jpeg_compress_struct encoder;
  jpeg_error_mgr errors;
  encoder.err = jpeg_std_error(&errors);  // encoding from memory to memory fails on lack of memory only
  jpeg_create_compress(&encoder);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &buffer, &size);
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
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&encoder);
  std::free(buffer);
  return bytes;
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
