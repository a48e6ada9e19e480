// SPDX-License-Identifier: Apache-2.0
#include "text/unicode.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include "base/random.h"
#include "text/char_table.h"

namespace molmo::text {
namespace {

std::string nfc(std::string_view text) {
  std::string result;
  append_nfc(text, &result);
  return result;
}

TEST(Unicode, IllFormedPartsBecomeOneReplacementEach) {
  EXPECT_EQ(replace_ill_formed("a\xF0\x9F\x98"
                               "b"),
            "a\xEF\xBF\xBD"
            "b");                                                                         // a cut character: one
  EXPECT_EQ(replace_ill_formed("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate: one per byte
  EXPECT_EQ(replace_ill_formed("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(replace_ill_formed("\xF4\x90\x80\x80").size(), 12u);                          // above U+10FFFF
}

TEST(Unicode, IncompletePrefixIsHeldUntilTheEnd) {
  std::string text;
  EXPECT_EQ(append_well_formed("a\xE2\x82", Replacement::kPerSubpart, false, &text), 1u);
  EXPECT_EQ(text, "a");
  EXPECT_EQ(append_well_formed("\xE2\x82", Replacement::kPerSubpart, true, &text), 2u);
  EXPECT_EQ(text, "a\xEF\xBF\xBD");
  text.clear();
  append_well_formed("\xE2\x82", Replacement::kPerByte, true, &text);
  EXPECT_EQ(text, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Unicode, NfcComposesReordersAndExcludes) {
  EXPECT_EQ(nfc("e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(nfc("\xE0\xA5\x98"), "\xE0\xA4\x95\xE0\xA4\xBC");              // U+0958 is excluded from composition
  EXPECT_EQ(nfc("a\xCC\x81\xCC\xA3"), "\xE1\xBA\xA1\xCC\x81");             // the dot below comes first
  EXPECT_EQ(nfc("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "\xED\x95\x9C");  // Hangul
}

// Characters with marks, and letters and syllables that marks join.
TEST(Unicode, NfcEqualsUtf8procOnRandomText) {
  constexpr char32_t kChars[] = {'a',    'e',    'o',   ' ',   0x301,  0x323,  0x307,  0x327,   0x345,
                                 0xE9,   0x1E69, 0x958, 0x915, 0x93C,  0x94D,  0x1100, 0x1161,  0x11A8,
                                 0xAC00, 0x212B, 0x9C7, 0x9BE, 0x3099, 0x304B, 0x4E2D, 0x1D15E, 0xF900};
  RandomState random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (int64_t n = random.randint(0, 10); n > 0; --n)
      append_utf8(kChars[random.randint(0, std::size(kChars))], &text);
    utf8proc_uint8_t* expected = utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str()));
    ASSERT_EQ(nfc(text), reinterpret_cast<const char*>(expected)) << ::testing::PrintToString(text);
    ASSERT_TRUE(!scan_text(text).is_nfc || nfc(text) == text) << ::testing::PrintToString(text);
    free(expected);
  }
}

TEST(Unicode, WhiteSpaceIsThePropertyNotPythons) {
  for (const char32_t c : {0x85, 0xA0, 0x1680, 0x2028, 0x3000})
    EXPECT_EQ(char_table().char_class(c), kSpace) << uint32_t{c};
  for (const char32_t c : {0x180E, 0x200B, 0xFEFF, 0x1C, 0x1F})
    EXPECT_EQ(char_table().char_class(c), kOther) << uint32_t{c};
}

}  // namespace
}  // namespace molmo::text
