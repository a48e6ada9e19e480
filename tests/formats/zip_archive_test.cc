// SPDX-License-Identifier: Apache-2.0
#include "formats/zip_archive.h"

#include <gtest/gtest.h>

#include "formats/zip_file.h"
#include "support/error_of.h"

namespace molmo::formats {
namespace {

std::span<const uint8_t> zip_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string zip_error(const std::string& file) {
  return testing::error_of([&] { zip_members(zip_bytes(file), "z"); });
}

TEST(ZipArchive, MembersAreTheirBytes) {
  for (const bool with_64 : {false, true}) {
    const std::string file =
        testing::make_zip({{"a/data.pkl", "first"}, {"a/data/0", "\x01\x02"}, {"a/empty", ""}}, with_64);
    const auto members = zip_members(zip_bytes(file), "z");
    ASSERT_EQ(members.size(), 3u) << with_64;
    const auto text = [&](const char* name) { return std::string(members.at(name).begin(), members.at(name).end()); };
    EXPECT_EQ(text("a/data.pkl"), "first");
    EXPECT_EQ(text("a/data/0"), "\x01\x02");
    EXPECT_EQ(text("a/empty"), "");
  }
}

TEST(ZipArchive, SizesAndOffsetsStayInTheFile) {
  for (const bool with_64 : {false, true}) {
    const std::string whole = testing::make_zip({{"a", "0123456789"}}, with_64);
    EXPECT_EQ(zip_error(whole), "no error");
    for (size_t at = 0; at < whole.size(); ++at) {  // an error or members inside the file, whatever byte is wrong
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 0x7f);
      try {
        for (const auto& [name, data] : zip_members(zip_bytes(changed), "z")) {
          const auto* begin = zip_bytes(changed).data();
          EXPECT_TRUE(data.data() >= begin && data.data() + data.size() <= begin + changed.size()) << at;
        }
      } catch (const Error&) {
      }
    }
  }
  std::string file = testing::make_zip({{"a", "0123456789"}}, /*with_64=*/true);
  const size_t end64 = file.find("PK\x06\x06");
  file.replace(end64 + 48, 8, testing::little<uint64_t>(uint64_t{1} << 62));  // where the directory begins
  EXPECT_EQ(zip_error(file), "[zip] z: 46 bytes at 4611686018427387904, expected inside the " +
                                 std::to_string(file.size()) + " bytes of the file");
}

TEST(ZipArchive, OneNameOnce) {
  EXPECT_EQ(zip_error(testing::make_zip({{"a", "x"}, {"a", "y"}})), "[zip] z: member 'a' is duplicated");
}

}  // namespace
}  // namespace molmo::formats
