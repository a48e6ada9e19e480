// SPDX-License-Identifier: Apache-2.0
#include "image/picture_info.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "image/decode.h"
#include "image/encode.h"
#include "support/paths.h"

namespace molmo::image {
namespace {

using namespace std::string_literals;

// A JPEG with an EXIF block of nothing but the orientation after its first two bytes.
std::string turned(const std::string& jpeg, char orientation) {
  const std::string exif = "Exif\0\0"s + "II*\0\x08\0\0\0"s + "\x01\0"s + "\x12\x01\x03\0\x01\0\0\0"s + orientation +
                           "\0\0\0"s + "\0\0\0\0"s;
  const auto length = static_cast<char>(exif.size() + 2);
  return jpeg.substr(0, 2) + "\xFF\xE1\0"s + length + exif + jpeg.substr(2);
}

TEST(PictureInfo, AgreesWithTheDecodedPicture) {
  const testing::TemporaryFolder folder;
  const Picture picture(70, 40);
  for (const char* name : {"a.jpg", "a.png"}) save_picture(folder / name, picture);
  const std::string jpeg = read_text_file(folder / "a.jpg");
  for (char orientation = 1; orientation <= 8; ++orientation)
    write_file_atomically(folder / ("o" + std::to_string(orientation) + ".jpg"), turned(jpeg, orientation));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const PictureInfo info = read_picture_info(entry.path());
    const Picture decoded = load_picture(entry.path());
    EXPECT_EQ(info.width, decoded.width) << entry.path();
    EXPECT_EQ(info.height, decoded.height) << entry.path();
  }
  EXPECT_EQ(read_picture_info(folder / "o6.jpg").orientation, 6);
  EXPECT_EQ(read_picture_info(folder / "o6.jpg").width, 40);
  EXPECT_EQ(read_picture_info(folder / "a.png").orientation, 1);
  write_file_atomically(folder / "b.jpg", "no picture");
  EXPECT_ANY_THROW(read_picture_info(folder / "b.jpg"));
}

}  // namespace
}  // namespace molmo::image
