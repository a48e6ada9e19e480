// Formats and damages, each with a file made in memory. The golden cases hold the wide set.
// SPDX-License-Identifier: Apache-2.0
#include "image/decode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "image/encode.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

using namespace std::string_literals;
using Pixels = std::vector<int>;

Picture decode(const std::string& bytes) {
  return decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "test");
}

Pixels pixels_of(const std::string& bytes) {
  const Picture picture = decode(bytes);
  return {picture.pixels.begin(), picture.pixels.end()};
}

std::string little(uint32_t value, size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(uint64_t{value} >> 8 * i);
  return bytes;
}

Picture striped_picture(int width, int height) {
  Picture picture(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < 3 * width; ++x) picture.row(y)[x] = static_cast<uint8_t>(1 + 7 * x + 31 * y);
  }
  return picture;
}

// --- orientation -----------------------------------------------------------------------------------------------------

// One tag, orientation, of the type (3: short, 4: long).
std::string exif_block(uint16_t orientation, uint16_t type = 3) {
  return "Exif\0\0II*\0\x08\0\0\0\x01\0"s + little(274, 2) + little(type, 2) + little(1, 4) + little(orientation, 4) +
         little(0, 4);
}

std::string jpeg_with(const std::vector<std::string>& segments) {
  std::string jpeg = encode_jpeg(Picture(16, 8), 90), added;
  for (const std::string& segment : segments) {
    const size_t size = segment.size() + 2;
    added += "\xff\xe1"s + static_cast<char>(size >> 8) + static_cast<char>(size) + segment;
  }
  return jpeg.insert(2, added);
}

bool is_turned(const std::string& bytes) {
  const Picture picture = decode(bytes);
  return picture.width == 8 && picture.height == 16;
}

TEST(Orientation, TurnsByExif) {
  EXPECT_FALSE(is_turned(jpeg_with({})));
  EXPECT_TRUE(is_turned(jpeg_with({exif_block(6)})));
  EXPECT_TRUE(is_turned(jpeg_with({exif_block(6, 4)})));
  EXPECT_FALSE(is_turned(jpeg_with({exif_block(3)})));
  EXPECT_FALSE(is_turned(jpeg_with({exif_block(9)})));
}

TEST(Orientation, TakesTheFirstExifSegment) {
  EXPECT_TRUE(is_turned(jpeg_with({exif_block(6), exif_block(1)})));
  EXPECT_FALSE(is_turned(jpeg_with({exif_block(1), exif_block(6)})));
}

TEST(Orientation, FallsBackToXmp) {
  const std::string xmp = "http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation=\"8\"/>"s;
  EXPECT_TRUE(is_turned(jpeg_with({xmp})));
  EXPECT_FALSE(is_turned(jpeg_with({xmp, exif_block(1)})));
}

// --- damage ----------------------------------------------------------------------------------------------------------

// Found by fuzzing: a header of another kind made rows wider than their memory.
TEST(Damage, ALateHeaderOfAPngDoesNotCount) {
  Picture whole(5, 4);
  for (size_t i = 0; i < whole.pixels.size(); ++i) whole.pixels[i] = static_cast<uint8_t>(i * 13);
  std::string png = encode_png(whole);
  using namespace std::string_literals;
  png.insert(png.size() - 12,  // of IEND
             "\0\0\0\x0dIHDR"s + "\0\0\0\x40\0\0\0\x40\x10\x06\0\0\0"s + "\0\0\0\0"s + "\0\0\0\x03PLTEabc\0\0\0\0"s);
  EXPECT_EQ(decode(png).pixels, whole.pixels);
}

TEST(Damage, TruncatedPngKeepsItsRows) {
  const Picture whole = striped_picture(40, 40);
  const std::string png = encode_png(whole);
  const Picture cut = decode(png.substr(0, png.size() - 60));
  EXPECT_TRUE(std::equal(whole.row(0), whole.row(10), cut.row(0)));
  EXPECT_EQ(cut.row(39)[0], 0);
}

// --- GIF -------------------------------------------------------------------------------------------------------------

// Two pixels of the colors 1 and 2 at (1, 0) on a canvas of 3x1; a palette of red, green, blue and white.
std::string gif(const std::string& extension) {
  std::string bytes = "GIF89a\x03\0\x01\0\x81\0\0"s;
  bytes += "\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff"s;
  bytes += extension;
  bytes += ",\x01\0\0\0\x02\0\x01\0\0\x02\x02"s;
  bytes += little(4 | 1 << 3 | 2 << 6 | 5 << 9, 2);  // codes of 3 bits: clear, 1, 2, end
  bytes += "\0;"s;
  return bytes;
}

TEST(Gif, PlacesTheFrameOnColorZero) { EXPECT_EQ(pixels_of(gif("")), (Pixels{255, 0, 0, 0, 255, 0, 0, 0, 255})); }

TEST(Gif, PlacesTheFrameOnTheTransparentColor) {
  EXPECT_EQ(pixels_of(gif("!\xf9\x04\x01\0\0\x03\0"s)), (Pixels{255, 255, 255, 0, 255, 0, 0, 0, 255}));
}

TEST(Gif, KeepsTheLastLineOfACutFile) {
  const std::string whole = gif("");
  EXPECT_EQ(pixels_of(whole.substr(0, whole.size() - 2)), (Pixels{255, 0, 0, 0, 255, 0, 0, 0, 255}));
}

// --- BMP -------------------------------------------------------------------------------------------------------------

std::string bmp(int width, int height, int bits, int compression, const std::string& data,
                const std::string& palette = "") {
  const std::string header =
      little(40, 4) + little(static_cast<uint32_t>(width), 4) + little(static_cast<uint32_t>(height), 4) +
      little(1, 2) + little(static_cast<uint32_t>(bits), 2) + little(static_cast<uint32_t>(compression), 4) +
      std::string(12, '\0') + little(static_cast<uint32_t>(palette.size() / 4), 4) + little(0, 4);
  return "BM" + little(0, 8) + little(static_cast<uint32_t>(14 + header.size() + palette.size()), 4) + header +
         palette + data;
}

const std::string kBmpPalette = "\x01\x02\x03\0\x11\x12\x13\0\x21\x22\x23\0"s;  // blue, green, red

TEST(Bmp, DecodesRunLengths) {
  const std::string codes = "\x02\x01\0\0\0\x03\x02\x01\0\0\0\x01"s;  // a run of 2, end of line, 3 literals
  EXPECT_THROW(decode(bmp(2, 2, 8, 1, codes.substr(0, 4), kBmpPalette)), Error);
  EXPECT_EQ(pixels_of(bmp(3, 2, 8, 1, codes, kBmpPalette)),
            (Pixels{0x23, 0x22, 0x21, 0x13, 0x12, 0x11, 3, 2, 1, 0x13, 0x12, 0x11, 0x13, 0x12, 0x11, 3, 2, 1}));
}

TEST(Bmp, TakesALastRowWithoutItsPadding) {
  EXPECT_EQ(pixels_of(bmp(1, -1, 24, 0, "\x01\x02\x03")), (Pixels{3, 2, 1}));
}

TEST(Bmp, FillsMissingRowsWithTheFirstColor) {
  EXPECT_EQ(pixels_of(bmp(1, -2, 8, 0, "\x02\0\0\0"s, kBmpPalette)), (Pixels{0x23, 0x22, 0x21, 3, 2, 1}));
}

// --- TIFF ------------------------------------------------------------------------------------------------------------

// Uncompressed, 8 bits, one strip for each entry of `strips`; two pixels.
std::string tiff(uint32_t photometric, uint32_t samples, const std::vector<std::string>& strips,
                 const std::vector<std::pair<uint32_t, uint32_t>>& more = {}) {
  std::string data, offsets, directory;
  for (const std::string& strip : strips) {
    offsets += little(static_cast<uint32_t>(8 + data.size()), 4);
    data += strip;
  }
  const uint32_t offsets_at = static_cast<uint32_t>(8 + data.size()), num_strips = static_cast<uint32_t>(strips.size());
  data += offsets;
  std::vector<std::pair<uint32_t, uint32_t>> tags{
      {256, 2},      {257, 1}, {258, 8}, {259, 1}, {262, photometric}, {273, num_strips == 1 ? 8 : offsets_at},
      {277, samples}};
  tags.insert(tags.end(), more.begin(), more.end());
  for (const auto& [tag, value] : tags)
    directory += little(tag, 2) + little(4, 2) + little(tag == 273 ? num_strips : 1, 4) + little(value, 4);
  return "II*\0"s + little(static_cast<uint32_t>(8 + data.size()), 4) + data +
         little(static_cast<uint32_t>(tags.size()), 2) + directory + little(0, 4);
}

TEST(Tiff, JoinsPlanes) {
  EXPECT_EQ(pixels_of(tiff(2, 3, {"\x01\x02", "\x11\x12", "\x21\x22"}, {{284, 2}})), (Pixels{1, 17, 33, 2, 18, 34}));
}

TEST(Tiff, DividesByAssociatedAlpha) {
  EXPECT_EQ(pixels_of(tiff(2, 4, {"\x32\x3c\x46\x64\x32\x3c\x46\0"s}, {{338, 1}})), (Pixels{127, 153, 178, 0, 0, 0}));
}

TEST(Tiff, RefusesWhatTheReferenceRefuses) {
  EXPECT_THROW(decode(tiff(1, 2, {"\x01\x02\x03\x04"}, {{338, 1}})), Error);
}

// --- PNM -------------------------------------------------------------------------------------------------------------

TEST(Pnm, ReadsBitsGreyAndColor) {
  EXPECT_EQ(pixels_of("P4 2 1\n\x40"), (Pixels{255, 255, 255, 0, 0, 0}));
  EXPECT_EQ(pixels_of("P5\n# a comment\n2 1 255\n\x07\x08"), (Pixels{7, 7, 7, 8, 8, 8}));
  EXPECT_EQ(pixels_of("P6 1 1 100 \x64\x32\x01"), (Pixels{255, 128, 3}));
}

}  // namespace
}  // namespace molmo::image
