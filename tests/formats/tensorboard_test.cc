// SPDX-License-Identifier: Apache-2.0
#include "formats/tensorboard.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/files.h"
#include "support/paths.h"

namespace molmo::formats {
namespace {

template <class T>
T value_at(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Undoes the mask of TFRecord CRCs.
uint32_t unmasked(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

// The records of a file, every CRC checked.
std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (size_t at = 0; at < file.size();) {
    const auto length = value_at<uint64_t>(file, at);
    EXPECT_EQ(unmasked(value_at<uint32_t>(file, at + 8)), crc32c(file.substr(at, 8)));
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(unmasked(value_at<uint32_t>(file, at + 12 + length)), crc32c(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(Crc32c, KnownVectors) {  // RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(TensorBoard, FileHoldsVersionAndScalars) {
  const testing::TemporaryFolder folder;
  {
    TensorBoardWriter writer(folder.path(), 300);
    writer.add_scalar("loss", 2.5, 300);
  }
  const auto path = std::filesystem::directory_iterator(folder.path())->path();
  EXPECT_EQ(path.filename().string().rfind("events.out.tfevents.", 0), 0u);
  const std::vector<std::string> records = records_of(read_text_file(path));
  ASSERT_EQ(records.size(), 3u);
  // Field 1 is the wall time (a fixed64 behind its tag); the rest is known byte by byte.
  EXPECT_EQ(records[0][0], '\x09');
  EXPECT_GT(value_at<double>(records[0], 1), 1.7e9);
  EXPECT_EQ(records[0].substr(9),
            "\x1a\x0d"
            "brain.Event:2");
  const std::string value =
      std::string("\x0a\x04loss\x15", 7) + std::string("\x00\x00\x20\x40", 4);      // tag; simple_value 2.5f
  EXPECT_EQ(records[1].substr(9), std::string("\x10\xac\x02\x3a\x02\x08\x01", 7));  // step 300; session_log { START }
  EXPECT_EQ(records[2].substr(9),
            std::string("\x10\xac\x02\x2a\x0d\x0a\x0b", 7) + value);  // step 300; summary { value }
}

// TensorBoard shows a run while it goes on.
TEST(TensorBoard, ScalarsAreThereWhileTheWriterLives) {
  const testing::TemporaryFolder folder;
  TensorBoardWriter writer(folder.path(), 1);
  for (int64_t step = 1; step <= 3; ++step) {
    writer.add_scalar("loss", 2.5, step);
    const auto path = std::filesystem::directory_iterator(folder.path())->path();
    EXPECT_EQ(records_of(read_text_file(path)).size(), static_cast<size_t>(2 + step));
  }
}

}  // namespace
}  // namespace molmo::formats
