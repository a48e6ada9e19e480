// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/choices.h"
#include "base/edit_distance.h"

namespace molmo {
namespace {

using Words = std::vector<std::string>;

TEST(Strings, SplitKeepsEmptyPiecesAndJoinUndoesIt) {
  EXPECT_EQ(split_text("a,b,,c", ','), (Words{"a", "b", "", "c"}));
  EXPECT_EQ(split_text("", ','), Words{""});
  EXPECT_EQ(split_text(",", ','), (Words{"", ""}));
  for (const char* text : {"", ",", "a,b", ",a,"}) EXPECT_EQ(join_text(split_text(text, ','), ","), text);
  EXPECT_EQ(join_text({}, ", "), "");
  EXPECT_EQ(join_text({"a", "b", "c"}, ", "), "a, b, c");
}

TEST(Strings, TrimDropsAsciiSpaceOnly) {
  EXPECT_EQ(trim_text(" \t\r\n\f\va b\n"), "a b");
  EXPECT_EQ(trim_text(" \n"), "");
  EXPECT_EQ(trim_text("\xc2\xa0"), "\xc2\xa0");
}

TEST(Strings, LowerTouchesAsciiOnly) { EXPECT_EQ(lower_ascii("AZaz09[`@ÄÖ"), "azaz09[`@ÄÖ"); }

TEST(Strings, EditDistance) {
  EXPECT_EQ(edit_distance<char>("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance<char>("", "abc"), 3u);
  EXPECT_EQ(edit_distance<char>("abc", ""), 3u);
  EXPECT_EQ(edit_distance<char>("abc", "abc"), 0u);
  EXPECT_EQ(edit_distance<char>("ab", "ba"), 2u);
}

TEST(Strings, NearestNameIsOneThatMayBeMeant) {
  EXPECT_EQ(nearest_name("num_layer", {"num_heads", "num_layers"}), "num_layers");
  EXPECT_EQ(nearest_name("xx", {"num_heads"}), "");
  EXPECT_EQ(nearest_name("ab", {"cd", "ac"}), "ac");
  EXPECT_EQ(nearest_name("a", {}), "");
}

TEST(Strings, SizesAndDurations) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(3.2 * 1024 * 1024 * 1024), "3.2 GiB");
  EXPECT_EQ(format_bytes(5e15), "4547.5 TiB");
  EXPECT_EQ(format_duration(0.85), "850 ms");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(245), "4:05");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(1e300), "a long time");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "a long time");
}

TEST(Strings, Base64OfRfc4648) {
  const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, encoded] : kVectors) EXPECT_EQ(encode_base64(text), encoded);
  EXPECT_EQ(encode_base64("\xfb\xff\xfe"), "+//+");
}

}  // namespace
}  // namespace molmo
