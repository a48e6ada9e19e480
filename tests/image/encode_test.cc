// SPDX-License-Identifier: Apache-2.0
#include "image/encode.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include "image/decode.h"

namespace molmo::image {
namespace {

Picture ramp_picture(int width, int height) {
  Picture picture(width, height);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 7 % 250);
  return picture;
}

TEST(Encode, PngGivesThePixelsBack) {
  const Picture picture = ramp_picture(31, 17);
  const std::string png = encode_png(picture);
  EXPECT_EQ(decode_picture({reinterpret_cast<const uint8_t*>(png.data()), png.size()}, "x.png"), picture);
}

TEST(Encode, JpegKeepsNoMemory) {
  const Picture picture = ramp_picture(64, 64);
  const auto num_bytes = [] { return static_cast<int64_t>(::mallinfo2().uordblks); };  // with a sanitizer always 0
  encode_jpeg(picture, 90);
  const int64_t before = num_bytes();
  for (int i = 0; i < 100; ++i) encode_jpeg(picture, 90);
  EXPECT_LT(num_bytes() - before, 100 * 1024);
}

}  // namespace
}  // namespace molmo::image
