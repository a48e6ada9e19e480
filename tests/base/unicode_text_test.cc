// SPDX-License-Identifier: Apache-2.0
#include "base/unicode_text.h"

#include <gtest/gtest.h>

namespace molmo {
namespace {

TEST(UnicodeText, FollowsPython) {
  EXPECT_EQ(unicode::lower("\u0130STANBUL"), "i\u0307stanbul");
  EXPECT_EQ(unicode::lower("\u039F\u0394\u039F\u03A3 \u03A3\u0391\u03A3"),
            "\u03BF\u03B4\u03BF\u03C2 \u03C3\u03B1\u03C2");
  EXPECT_EQ(unicode::lower("\u03A3"), "\u03C3");        // alone: no letter before it
  EXPECT_EQ(unicode::lower("A\u03A3'B"), "a\u03C3'b");  // an apostrophe does not end a word
  EXPECT_EQ(unicode::lower("STRA\u1E9EE"), "stra\u00DFe");
  EXPECT_EQ(unicode::count_characters("e\u0301\U0001F600"), 3u);
  EXPECT_EQ(unicode::count_characters("a\xff"
                                      "b"),
            3u);
}

TEST(UnicodeText, NearestAsciiDropsAccentsOrGivesUp) {
  EXPECT_EQ(unicode::nearest_ascii("plain text, 100 %"), "plain text, 100 %");
  EXPECT_EQ(unicode::nearest_ascii("Caf\u00e9 \u00c5ngstr\u00f6m"), "Cafe Angstrom");
  EXPECT_EQ(unicode::nearest_ascii("e\u0301"), "e");
  EXPECT_EQ(unicode::nearest_ascii("\u201cStra\u00dfe\u201d \u2013 \ufb01n\u2026"), "\"Strasse\" - fin...");
  EXPECT_EQ(unicode::nearest_ascii("\u65e5\u672c"), "");
  EXPECT_EQ(unicode::nearest_ascii("a \U0001F600"), "");
  EXPECT_EQ(unicode::nearest_ascii("\xff"), "");
}

}  // namespace
}  // namespace molmo
