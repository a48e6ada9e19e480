// SPDX-License-Identifier: Apache-2.0
// The hand-written splitters against Oniguruma on random text, and what sets the patterns apart.
#include <gtest/gtest.h>
#include <utf8proc.h>

#include "base/random.h"
#include "molmo/error.h"
#include "text/regex_splitter.h"
#include "text/split_patterns.h"
#include "text/unicode.h"

namespace molmo::text {
namespace {

using Words = std::vector<std::string>;

template <KnownPattern kPattern>
Words split(std::string_view text) {
  Words words;
  for_each_word<kPattern>(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

Words split_by_regex(const RegexSplitter& splitter, std::string_view text) {
  Words words;
  splitter.for_each_piece(text, [&](std::string_view word, bool) { words.emplace_back(word); });
  return words;
}

// Characters that the patterns treat in different ways, and some of every kind.
constexpr char32_t kAlphabet[] = {' ',    ' ',    ' ',    '\n',   '\r',   '\t',    0x0B,    '\'',   '\'',   '"',  '.',
                                  ',',    '<',    '=',    '_',    '-',    's',     't',     'r',    'e',    'v',  'm',
                                  'l',    'l',    'd',    'S',    'T',    'R',     'E',     'V',    'M',    'L',  'D',
                                  'a',    'Z',    '0',    '1',    '9',    0x17F,   0x212A,  0xE9,   0x301,  0xB2, 0xBD,
                                  0x2167, 0x85,   0xA0,   0x1680, 0x2028, 0x3000,  0x180E,  0x200B, 0xFEFF, 0x1C, 0x1F,
                                  0x4E2D, 0x0915, 0x094D, 0x0966, 0x2019, 0x1F600, 0x1D7D8, 0xFFFD, 0};

std::string random_text(RandomState& random) {
  std::string text;
  for (int64_t i = random.randint(0, 24); i > 0; --i) {
    char32_t c = kAlphabet[random.randint(0, std::size(kAlphabet))];
    if (random.random() < 0.05) c = static_cast<char32_t>(random.randint(0, 0xD800));
    if (utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_CN)
      c = 'x';  // newer than some Onigurumas
    append_utf8(c, &text);
  }
  return text;
}

template <KnownPattern kPattern>
void expect_equals_oniguruma(std::string_view pattern) {
  const RegexSplitter splitter{std::string(pattern), "test"};
  RandomState random(7);
  for (int i = 0; i < 30000; ++i) {
    const std::string text = random_text(random);
    ASSERT_EQ(split<kPattern>(text), split_by_regex(splitter, text)) << "text: " << ::testing::PrintToString(text);
  }
}

TEST(SplitPatterns, Gpt2EqualsOniguruma) { expect_equals_oniguruma<KnownPattern::kGpt2>(kGpt2Pattern); }
TEST(SplitPatterns, QwenEqualsOniguruma) { expect_equals_oniguruma<KnownPattern::kQwen>(kQwenPattern); }
TEST(SplitPatterns, Cl100kEqualsOniguruma) { expect_equals_oniguruma<KnownPattern::kCl100k>(kCl100kPattern); }

TEST(SplitPatterns, DigitsGoOneByOneOrThreeOrWhole) {
  EXPECT_EQ(split<KnownPattern::kQwen>("x 1234"), (Words{"x", " ", "1", "2", "3", "4"}));
  EXPECT_EQ(split<KnownPattern::kCl100k>("x 1234"), (Words{"x", " ", "123", "4"}));
  EXPECT_EQ(split<KnownPattern::kGpt2>("x 1234"), (Words{"x", " 1234"}));
}

TEST(SplitPatterns, ContractionsFoldCaseExceptInGpt2) {
  EXPECT_EQ(split<KnownPattern::kQwen>("it'S we'\xC5\xBF"), (Words{"it", "'S", " we", "'\xC5\xBF"}));
  EXPECT_EQ(split<KnownPattern::kGpt2>("it'S it's"), (Words{"it", "'", "S", " it", "'s"}));
}

TEST(SplitPatterns, LastSpaceBelongsToTheNextWord) {
  EXPECT_EQ(split<KnownPattern::kQwen>("a   b\n\n  c  "), (Words{"a", "  ", " b", "\n\n", " ", " c", "  "}));
}

TEST(RegexSplitter, BadPatternNamesFileAndPattern) {
  try {
    RegexSplitter("(a", "x.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("[text] x.json: bad split pattern '(a': "), std::string::npos)
        << error.what();
  }
}

TEST(RegexSplitter, EmptyMatchesSplitNothing) {
  EXPECT_EQ(split_by_regex(RegexSplitter("x*", "test"), "abxxc"), (Words{"ab", "xx", "c"}));
}

}  // namespace
}  // namespace molmo::text
