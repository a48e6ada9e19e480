// Small files that ask for much: none takes more memory or time than the limits say.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <webp/encode.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
// jpeglib.h needs FILE first.
#include <jpeglib.h>

#include "base/files.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/file_parts.h"
#include "molmo/error.h"
#include "support/paths.h"

namespace molmo::image {
namespace {

using namespace std::string_literals;
using testing::big;
using testing::chunk;
using testing::deflated;
using testing::png_of;
using testing::small;
using testing::tiff_of;
using testing::TiffTags;

constexpr int64_t kMiB = 1 << 20;

std::string progressive_jpeg(int width, int height) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &buffer, &size);
  encoder.image_width = static_cast<JDIMENSION>(width), encoder.image_height = static_cast<JDIMENSION>(height);
  encoder.input_components = 3, encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_simple_progression(&encoder);
  jpeg_start_compress(&encoder, TRUE);
  std::string row(static_cast<size_t>(3 * width), '\x40');
  auto* line = reinterpret_cast<JSAMPLE*>(row.data());
  for (int y = 0; y < height; ++y) jpeg_write_scanlines(&encoder, &line, 1);
  jpeg_finish_compress(&encoder);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&encoder);
  std::free(buffer);
  return bytes;
}

// The last scan of a flat picture refines nothing: a few bytes, and a walk over all coefficients.
std::string jpeg_of_scans(int width, int height, int count) {
  std::string bytes = progressive_jpeg(width, height);
  const size_t begin = bytes.rfind("\xff\xda"s), end = bytes.size() - 2;
  const std::string scan = bytes.substr(begin, end - begin);
  std::string scans;
  for (int i = 0; i < count; ++i) scans += scan;
  return bytes.insert(end, scans);
}

// Every strip of one row is the same `num_bytes` of codes that say nothing, and a row.
std::string overlapping_strips(uint32_t height, uint32_t photometric, uint32_t samples, size_t num_bytes) {
  const std::string data = std::string(num_bytes, '\x80') + std::string(128, '\xff') + "\x07"s;
  TiffTags tags{
      {256, {16}},      {257, {height}},      {258, std::vector<uint32_t>(samples, 8)},
      {259, {32773}},   {262, {photometric}}, {273, std::vector<uint32_t>(height, 8)},
      {277, {samples}}, {278, {1}},           {279, std::vector<uint32_t>(height, static_cast<uint32_t>(data.size()))}};
  if (samples == 1) tags[2].second = {8};
  if (photometric == 6) tags.push_back({530, {1, 1}});
  return tiff_of(data, tags);
}

std::string lossless_webp(int width, int height) {
  std::string rgb(static_cast<size_t>(3 * width * height), '\x20');
  for (size_t i = 0; i < rgb.size(); i += 97) rgb[i] = static_cast<char>(i);
  uint8_t* out = nullptr;
  const size_t size =
      WebPEncodeLosslessRGB(reinterpret_cast<const uint8_t*>(rgb.data()), width, height, 3 * width, &out);
  std::string bytes(reinterpret_cast<char*>(out), size);
  WebPFree(out);
  return bytes;
}

std::string text_of_error(const std::string& bytes, const DecodeLimits& limits) {
  try {
    decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "bomb", limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// In a process of its own: what its memory grew to, in bytes, beyond that of one that does nothing.
int64_t peak_bytes(const std::function<void()>& run) {
  const auto measure = [](const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      work();
      ::_exit(0);
    }
    int status = 0;
    rusage usage{};
    ::wait4(child, &status, 0, &usage);
    EXPECT_EQ(status, 0);
    return int64_t{1024} * usage.ru_maxrss;
  };
  const int64_t base = measure([] {});
  return measure(run) - base;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;  // they keep what was freed
#else
constexpr bool kMeasuresMemory = true;
#endif

constexpr int64_t kSlack = 3 * kMiB;  // of libraries and the allocator

void expect_within_memory(const std::string& name, const std::string& bytes, const DecodeLimits& limits) {
  if (!kMeasuresMemory) return;
  const int64_t peak = peak_bytes([&] { text_of_error(bytes, limits); }) + std::ssize(bytes);
  EXPECT_LT(peak, limits.max_bytes + kSlack) << name;
}

TEST(DecodeLimits, MemoryIsRefusedBeforeItIsTaken) {
  const DecodeLimits limits{.max_pixels = 1 << 28, .max_bytes = 32 * kMiB};
  const std::string pixel = "\0\0\0"s;
  const std::pair<const char*, std::string> bombs[] = {
      {"interlaced PNG of 16 bits", png_of(4000, 4000, {16, 6, true}, std::string(100000, '\0'))},
      {"PNG of one wide row", png_of(60'000'000, 1, {16, 6}, pixel)},
      {"PNG", png_of(8000, 8000, {}, pixel)},
      {"JPEG", progressive_jpeg(4000, 3000)},
      {"GIF", "GIF89a\x40\x1f\x40\x1f\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x40\x1f\x40\x1f\0\x02\x02\x4c\x01\0;"s},
      {"BMP of runs", "BM"s + small(0, 8) + small(54, 4) + small(40, 4) + small(8000, 4) + small(8000, 4) +
                          small(1, 2) + small(8, 2) + small(1, 4) + std::string(20, '\0') + "\x05\x01\0\x01"s},
      {"PNM", "P6 8000 8000 255\n"s},
      {"TIFF", tiff_of("", {{256, {8000}}, {257, {8000}}, {258, {8}}, {262, {1}}, {273, {8}}})},
      {"TIFF of one block", tiff_of(std::string(8, '\0'), {{256, {3000}},
                                                           {257, {3000}},
                                                           {258, {8, 8, 8}},
                                                           {259, {8}},
                                                           {262, {2}},
                                                           {273, {8}},
                                                           {277, {3}},
                                                           {279, {8}}})},
      {"WebP", "RIFF"s + small(32, 4) + "WEBPVP8L"s + small(20, 4) + "\x2f"s + small(7999 | 7999 << 14, 4) +
                   std::string(15, '\0')}};
  for (const auto& [name, bytes] : bombs) {
    const std::string text = text_of_error(bytes, limits);
    EXPECT_TRUE(text.starts_with("[image] bomb: ")) << name << ": " << text;
    EXPECT_NE(text.find(" of memory to be decoded, expected at most max_bytes = 33554432"), text.npos)
        << name << ": " << text;
    expect_within_memory(name, bytes, limits);
  }
}

// libjpeg's own memory, which the size of the picture does not show.
TEST(DecodeLimits, ProgressiveJpegNeedsMoreThanItsPicture) {
  const std::string bytes = progressive_jpeg(2000, 2000);
  const DecodeLimits enough{.max_bytes = 40 * kMiB}, little{.max_bytes = 20 * kMiB};
  EXPECT_EQ(text_of_error(bytes, enough), "no error");
  EXPECT_EQ(text_of_error(bytes, little),
            "[image] bomb: JPEG: a progressive picture of 2000x2000 pixels, which needs more memory than max_bytes = "
            "20971520");
  expect_within_memory("enough", bytes, enough);
  expect_within_memory("little", bytes, little);
  EXPECT_EQ(text_of_error(encode_jpeg(Picture(2000, 2000), 90), little), "no error");  // a plain one has no need of it
}

// Whatever a picture is decoded under, it stays below.
TEST(DecodeLimits, MemoryOfPicturesThatAreDecodedIsWithinTheLimit) {
  const std::pair<const char*, std::string> pictures[] = {
      {"PNG", encode_png(Picture(1500, 1500))},
      {"interlaced PNG", png_of(1500, 1500, {16, 6, true}, std::string(1500 * (1500 * 8 + 2), '\0'))},
      {"JPEG", encode_jpeg(Picture(1500, 1500), 90)},
      {"progressive JPEG", progressive_jpeg(1500, 1500)},
      {"lossless WebP", lossless_webp(1500, 1500)}};
  for (const auto& [name, bytes] : pictures) {
    int num_decoded = 0;
    for (int64_t max_bytes = 4 * kMiB; max_bytes <= 64 * kMiB; max_bytes *= 2) {
      const DecodeLimits limits{.max_bytes = max_bytes};
      num_decoded += text_of_error(bytes, limits) == "no error";
      expect_within_memory(name, bytes, limits);
    }
    EXPECT_TRUE(num_decoded > 0 && num_decoded < 5) << name << ": " << num_decoded;
  }
}

TEST(DecodeLimits, TurnedCopyCounts) {
  std::string bytes = encode_jpeg(Picture(1000, 1000), 90);
  const std::string exif =
      "Exif\0\0II*\0\x08\0\0\0\x01\0"s + small(274, 2) + small(3, 2) + small(1, 4) + small(6, 4) + small(0, 4);
  bytes.insert(2, "\xff\xe1"s + big(exif.size() + 2, 2) + exif);
  EXPECT_EQ(text_of_error(bytes, {.max_bytes = 7'000'000}), "no error");
  EXPECT_NE(text_of_error(bytes, {.max_bytes = 5'000'000}).find(" of memory"), std::string::npos);
}

TEST(DecodeLimits, FileItselfCounts) {
  const molmo::testing::TemporaryFolder folder;
  write_file(folder / "long.png", "\x89PNG\r\n\x1a\n");
  std::filesystem::resize_file(folder / "long.png", uintmax_t{1} << 30);  // a hole: nothing is read of it
  try {
    load_picture(folder / "long.png", {.max_bytes = 1000});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "[image] " + (folder / "long.png").string() +
                                ": got 1073741824 bytes, expected at most max_bytes = 1000");
  }
}

TEST(DecodeLimits, PixelsAreThoseOfTheCaller) {
  Picture picture(20, 10);
  for (const std::string& bytes : {encode_png(picture), encode_jpeg(picture, 90),
                                   "P5 20 10 255\n" + std::string(200, 'x'), lossless_webp(20, 10)}) {
    EXPECT_EQ(text_of_error(bytes, {.max_pixels = 200}), "no error");
    EXPECT_NE(text_of_error(bytes, {.max_pixels = 199})
                  .find("picture of 20x10 pixels, expected at most max_pixels = 199 in all"),
              std::string::npos);
  }
}

TEST(DecodeLimits, ScansAreCounted) {
  const std::string bytes = jpeg_of_scans(64, 64, 600);
  EXPECT_EQ(text_of_error(bytes, {.max_scans = 700}), "no error");
  EXPECT_EQ(text_of_error(bytes, {}), "[image] bomb: JPEG: more scans than max_scans = 500");
}

// Each of these would take many seconds. The limit is in processor time; wall time may be longer.
TEST(DecodeLimits, TimeIsUpSoon) {
  std::string texts;
  const std::string text = chunk("zTXt", "XML:com.adobe.xmp\0\0"s + deflated(std::string(1'000'000, ' ')));
  for (int i = 0; i < 20000; ++i) texts += text;
  const std::pair<const char*, std::string> bombs[] = {
      {"scans of a JPEG", jpeg_of_scans(3000, 3000, 400)},
      {"texts of a PNG", png_of(1, 1, {}, "\0abc"s, texts)},
      {"strips of a TIFF", overlapping_strips(60000, 1, 1, kMiB)},
      // libtiff itself looks at the first few kilobytes of a row this short.
      {"strips of a TIFF that libtiff converts", overlapping_strips(1'000'000, 6, 3, 4096)}};
  for (const auto& [name, bytes] : bombs) {
    const auto processor = std::clock();
    const std::string error = text_of_error(bytes, {.max_seconds = 0.1});
    EXPECT_TRUE(error.find(": not decoded after 0.") != error.npos && error.ends_with("at most max_seconds = 0.1"))
        << name << ": " << error;
    EXPECT_LT(static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC, 2.0) << name;
  }
}

}  // namespace
}  // namespace molmo::image
