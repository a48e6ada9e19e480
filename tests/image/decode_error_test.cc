// What a user reads when a picture cannot be decoded.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "image/decode.h"
#include "image/encode.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

std::string error_of(const std::string& bytes, const std::string& name = "a.png") {
  try {
    decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, name);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_part(const std::string& text, const std::string& part) { EXPECT_NE(text.find(part), text.npos) << text; }

TEST(DecodeError, SaysThatAFileIsEmpty) { EXPECT_EQ(error_of(""), "[image] a.png: got 0 bytes, expected a picture"); }

TEST(DecodeError, ShowsTheFirstBytesOfAnotherFormat) {
  EXPECT_EQ(error_of("hello, world"),
            "[image] a.png: not a picture, got bytes 68 65 6c 6c 6f 2c 20 77, expected JPEG, PNG, WebP, BMP, TIFF, GIF "
            "or PNM");
}

TEST(DecodeError, NamesFileAndFormatOfACutHeader) {
  const std::string png = encode_png(Picture(4, 4)), jpeg = encode_jpeg(Picture(4, 4), 90);
  expect_part(error_of(png.substr(0, 20)), "[image] a.png: PNG: the file ends inside of chunk IHDR");
  expect_part(error_of(jpeg.substr(0, 30)), "[image] a.png: JPEG: ");
  expect_part(error_of("RIFF1234WEBPVP8 "), "[image] a.png: WebP: the header is damaged or cut off");
  EXPECT_EQ(error_of("GIF89a\x04"), "[image] a.png: GIF: no picture in it, or the header is damaged");
  EXPECT_EQ(error_of("BM1234"), "[image] a.png: BMP: the header is damaged or cut off");
  EXPECT_EQ(error_of(std::string("II*\0", 4)), "[image] a.png: TIFF: the header is damaged or cut off");
  EXPECT_EQ(error_of("P5 12"), "[image] a.png: PNM: the header is damaged or cut off");
  EXPECT_EQ(error_of("P6"), "[image] a.png: PNM: the header is damaged or cut off");
}

TEST(DecodeError, RefusesAWrongChecksumOfTheHeader) {
  std::string png = encode_png(Picture(4, 4));
  png[29] ^= 1;
  EXPECT_EQ(error_of(png), "[image] a.png: PNG: wrong checksum of chunk IHDR");
}

TEST(DecodeError, RefusesHugeSizesBeforeTakingMemory) {
  expect_part(error_of("P5 65500 65500 255\n"), "picture of 65500x65500 pixels, expected at most");
  expect_part(error_of("P5 16000 16000 255\n"), "picture of 16000x16000 pixels in 19 bytes, expected at most");
  expect_part(error_of("P5 0 3 255\n"), "picture of 0x3 pixels, expected at least 1x1");
}

// No prefix of a file may do worse than an error that names it.
TEST(DecodeError, EveryPrefixLoadsOrNamesTheFile) {
  Picture picture(9, 7);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 37);
  for (const std::string& whole : {encode_png(picture), encode_jpeg(picture, 80)}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string error = error_of(whole.substr(0, size), "dir/x.jpg");
      EXPECT_TRUE(error == "no error" || error.starts_with("[image] dir/x.jpg: ")) << error;
    }
  }
}

}  // namespace
}  // namespace molmo::image
