// Pictures that can be written come back; those that cannot are errors.
// SPDX-License-Identifier: Apache-2.0
#include "image/encode.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <cmath>

#include "base/files.h"
#include "image/decode.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::image {
namespace {

using molmo::testing::TemporaryFolder;

Picture gradient(int width, int height) {
  Picture picture(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      uint8_t* pixel = picture.row(y) + 3 * x;
      pixel[0] = static_cast<uint8_t>(x), pixel[1] = static_cast<uint8_t>(2 * y),
      pixel[2] = static_cast<uint8_t>((x + y) / 2);
    }
  }
  return picture;
}

Picture decoded(const std::string& bytes) {
  return decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "encoded");
}

TEST(Encode, PngIsExact) {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {200, 100}, {1, 3000}, {3000, 1}})
    EXPECT_EQ(decoded(encode_png(gradient(width, height))), gradient(width, height)) << width << "x" << height;
  Picture noise(64, 64);  // does not shrink
  uint32_t state = 1;
  for (uint8_t& value : noise.pixels) value = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  EXPECT_EQ(decoded(encode_png(noise)), noise);
}

TEST(Encode, JpegIsCloseAndBetterAtHigherQuality) {
  const Picture picture = gradient(120, 100);
  const auto error_at = [&](int quality) {
    const Picture back = decoded(encode_jpeg(picture, quality));
    EXPECT_EQ(back.width, 120);
    EXPECT_EQ(back.height, 100);
    double sum = 0.0;
    for (size_t i = 0; i < picture.pixels.size(); ++i) sum += std::abs(picture.pixels[i] - back.pixels[i]);
    return sum / static_cast<double>(picture.pixels.size());
  };
  EXPECT_LT(error_at(95), 3.0);
  EXPECT_LT(error_at(95), error_at(10));
  EXPECT_LT(encode_jpeg(picture, 10).size(), encode_jpeg(picture, 95).size());
}

TEST(Encode, JpegKeepsNoMemory) {
  const Picture picture = gradient(64, 64);
  const auto num_bytes = [] { return static_cast<int64_t>(::mallinfo2().uordblks); };  // with a sanitizer always 0
  encode_jpeg(picture, 90);
  const int64_t before = num_bytes();
  for (int i = 0; i < 100; ++i) encode_jpeg(picture, 90);
  EXPECT_LT(num_bytes() - before, 100 * 1024);
}

// libjpeg would end the process.
TEST(Encode, SidesBeyondAJpegAreAnError) {
  EXPECT_EQ(decoded(encode_jpeg(Picture(kLongestJpegSide, 1), 80)).width, kLongestJpegSide);
  EXPECT_EQ(molmo::testing::error_of([] { encode_jpeg(Picture(70000, 300), 80); }),
            "[image] cannot write a JPEG of 70000x300 pixels: expected sides of at most 65500; a PNG can be longer");
  EXPECT_EQ(molmo::testing::error_of([] { encode_jpeg(Picture(1, 65501), 80); }),
            "[image] cannot write a JPEG of 1x65501 pixels: expected sides of at most 65500; a PNG can be longer");
  EXPECT_EQ(decoded(encode_png(Picture(70000, 1))).width, 70000);
}

TEST(Encode, EmptyPicturesAndTooWidePngsAreErrors) {
  EXPECT_TRUE(molmo::testing::error_of([] {
                encode_jpeg(Picture(), 80);
              }).starts_with("[image] cannot write a JPEG of 0x0 pixels: "));
  EXPECT_TRUE(molmo::testing::error_of([] {
                encode_png(Picture());
              }).starts_with("[image] cannot write a PNG of 0x0 pixels: "));
  const std::string text = molmo::testing::error_of([] { encode_png(Picture(1'500'000, 1)); });
  EXPECT_TRUE(text.starts_with("[image] cannot write a PNG of 1500000x1 pixels: ")) << text;
}

TEST(Encode, SavesByExtensionOrSaysWhyNot) {
  const TemporaryFolder folder;
  const Picture picture = gradient(9, 5);
  const std::string at = folder.path().string();
  for (const char* name : {"a.png", "b.PNG"}) {
    save_picture(folder / name, picture);
    EXPECT_EQ(load_picture(folder / name), picture) << name;
  }
  for (const char* name : {"c.jpg", "d.JPEG"}) {
    save_picture(folder / name, picture);
    EXPECT_EQ(read_text_file(folder / name).substr(0, 3), "\xff\xd8\xff") << name;
  }
  EXPECT_EQ(molmo::testing::error_of([&] { save_picture(folder / "a.gif", picture); }, at),
            "[image] a.gif: extension '.gif', expected .png, .jpg or .jpeg");
  EXPECT_EQ(molmo::testing::error_of([&] { save_picture(folder / "none/a.png", picture); }, at),
            "[image] none/a.png: no such folder: none");
}

}  // namespace
}  // namespace molmo::image
