// Alpha is dropped, and the pixels that it hid are counted and said.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/log.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/file_parts.h"
#include "image/picture_loader.h"
#include "support/paths.h"

namespace molmo::image {
namespace {

using namespace std::string_literals;
using testing::chunk;
using testing::png_of;
using testing::tiff_of;

int64_t num_transparent(const std::string& bytes) {
  return decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "alpha").num_transparent;
}

TEST(Transparency, OfEveryKindOfPngIsCounted) {
  EXPECT_EQ(num_transparent(png_of(3, 1, {8, 6},
                                   "\0abc\0abc\x01"
                                   "abc\xff"s)),
            1);                                                                       // RGBA
  EXPECT_EQ(num_transparent(png_of(2, 1, {16, 6}, "\0aabbcc\0\0aabbcc\0\x01"s)), 1);  // of 16 bits
  EXPECT_EQ(num_transparent(png_of(2, 2, {8, 4},
                                   "\0a\0b\0\0c\x09"
                                   "d\0"s)),
            3);  // grey and alpha
  const std::string palette = chunk("PLTE", "abcdefghi");
  EXPECT_EQ(num_transparent(png_of(4, 1, {8, 3}, "\0\0\x01\x02\x01"s, palette + chunk("tRNS", "\xff\0"s))), 2);
  EXPECT_EQ(num_transparent(png_of(4, 1, {2, 3}, "\0\x1b"s, palette + chunk("tRNS", "\0"s))), 1);    // 0, 1, 2, 3
  EXPECT_EQ(num_transparent(png_of(3, 1, {8, 0}, "\0\x05\x06\x05"s, chunk("tRNS", "\0\x05"s))), 2);  // a grey value
  EXPECT_EQ(num_transparent(png_of(2, 1, {8, 2}, "\0abcabd"s, chunk("tRNS", "\0a\0b\0c"s))), 1);     // a color
  EXPECT_EQ(num_transparent(png_of(2, 1, {16, 0}, "\0abac"s, chunk("tRNS", "ab"s))), 1);
  EXPECT_EQ(num_transparent(png_of(1, 1, {8, 6}, "\0abc\xff"s)), 0);
  EXPECT_EQ(num_transparent(encode_png(Picture(4, 4))), 0);
}

TEST(Transparency, InterlacedAndCutPicturesCountEachPixelOnce) {
  // One pixel of the first pass, and all four of a 2x2 picture: passes 1, 6 and 7.
  EXPECT_EQ(num_transparent(png_of(2, 2, {8, 6, true}, "\0abc\0\0abc\0\0abc\0abc\0"s)), 4);
  const std::string cut = png_of(1, 3, {8, 6}, "\0abc\xff"s);  // rows that are missing are not hidden
  EXPECT_EQ(num_transparent(cut), 0);
}

TEST(Transparency, OfATiffAndAGif) {
  const auto rgba = [](uint32_t kind_of_fourth) {
    return tiff_of(
        "abc\0abc\x01"s,
        {{256, {2}}, {257, {1}}, {258, {8, 8, 8, 8}}, {262, {2}}, {273, {8}}, {277, {4}}, {338, {kind_of_fourth}}});
  };
  EXPECT_EQ(num_transparent(rgba(2)), 1);
  EXPECT_EQ(num_transparent(rgba(0)), 0);  // a fourth sample that is no alpha
  const std::string head = "GIF89a\x03\0\x01\0\x81\0\0\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff"s;
  const std::string frame = ",\x01\0\0\0\x02\0\x01\0\0\x02\x02\x8c\x0a\0;"s;  // the colors 1 and 2 at (1, 0)
  EXPECT_EQ(num_transparent(head + frame), 0);
  EXPECT_EQ(num_transparent(head + "!\xf9\x04\x01\0\0\x02\0"s + frame), 2);  // color 2, and what is no frame
}

TEST(Transparency, LoaderNamesTheFirstAndTellsTheNumber) {
  const molmo::testing::TemporaryFolder folder;
  const std::string hidden = png_of(2, 1, {8, 6}, "\0abc\0abc\xff"s);
  for (const char* name : {"a.png", "b.png"}) write_file(folder / name, hidden);
  save_picture(folder / "c.png", Picture(2, 2));
  {
    const LogFile log(folder / "log.txt");
    const PictureLoader loader({});
    for (const char* name : {"c.png", "a.png", "b.png", "a.png"}) loader.load(folder / name);
  }
  const std::string said = read_text_file(folder / "log.txt");
  EXPECT_NE(said.find(" W [image] " + (folder / "a.png").string() +
                      ": 50 % of the pixels are transparent: alpha is dropped, and the model sees the colors under it"),
            said.npos)
      << said;
  EXPECT_NE(said.find(" I [image] 3 of 4 loaded pictures have transparent pixels"), said.npos) << said;
  EXPECT_EQ(std::ranges::count(said, '\n'), 2) << said;
}

}  // namespace
}  // namespace molmo::image
