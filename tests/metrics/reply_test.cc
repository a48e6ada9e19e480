// What replies are worth in the embedded tasks: counts, clocks, short answers, and sentences that say there is none.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "metrics/clock_reply.h"
#include "metrics/count_reply.h"
#include "metrics/number_words.h"
#include "metrics/reply_text.h"
#include "metrics/short_answer.h"

namespace molmo::metrics {
namespace {

constexpr const char* kCafe = "caf\u00e9";

TEST(ReadCount, FindsTheNumberOfASentence) {
  for (const char* reply :
       {"12", "12.", " 12\n", "twelve", "Twelve.", "There are 12 cats.", "There are twelve cats.", "12 cats",
        "\uff11\uff12", "**12**", "12 (twelve)", "I count 12.", "A dozen cats", "\u0661\u0662", "12.0 cats", "`12`",
        "Counting the <points x1=\"1.0\" y1=\"1.0\" alt=\"cats\">cats</points> shows a total of 12.",
        "<points x1=\"1.0\" y1=\"3.0\" alt=\"2 cats\">2 cats</points> 12 of them!"})
    EXPECT_EQ(read_count(reply), 12) << reply;
  EXPECT_EQ(read_count("1,200 birds"), 1200);
  EXPECT_EQ(read_count("1,200"), 1200);
  EXPECT_EQ(read_count("twenty-one"), 21);
  EXPECT_EQ(read_count("one hundred and five birds"), 105);
  EXPECT_EQ(read_count("-12"), -12);
  EXPECT_EQ(read_count("It is -12 there."), -12);
}

TEST(ReadCount, NoneIsZeroUnlessANumberIsNamed) {
  for (const char* reply : {"0", "zero", "There are none.", "None.", "There are no cats in the picture.", "Nothing.",
                            "There aren't any cats.", "The picture doesn\u2019t contain cats"})
    EXPECT_EQ(read_count(reply), 0) << reply;
  EXPECT_EQ(read_count("There are none missing: 12"), 12);
  EXPECT_EQ(read_count("None of the 12 cats is white"), std::nullopt);
  for (const char* reply : {"", "I don't know.", "cats", "many", "\xff\xfe"})
    EXPECT_EQ(read_count(reply), std::nullopt);
}

TEST(ReadCount, IsOpenWhereNumbersDiffer) {
  for (const char* reply : {"12 cats and 3 dogs are here", "between 10 and 12 cats", "12.5 cats", "50% cats",
                            "$12 each", "1\u20442 of them", "12,34 cats", "the 12th cat", "x12 y", "1.2.3 cats",
                            "99999999999999999999 cats", "<point x=\"12.0\" y=\"12.0\" alt=\"12\">12"})
    EXPECT_EQ(read_count(reply), std::nullopt) << reply;
}

TEST(ReadCardinal, TakesTheLongestNumber) {
  const auto read = [](std::vector<std::u32string_view> words) {
    const auto cardinal = read_cardinal(words);
    return cardinal ? std::pair(cardinal->value, cardinal->num_words) : std::pair(int64_t{-1}, size_t{0});
  };
  using Read = std::pair<int64_t, size_t>;
  EXPECT_EQ(read({U"twenty", U"one", U"cats"}), Read(21, 2));
  EXPECT_EQ(read({U"one", U"two"}), Read(1, 1));
  EXPECT_EQ(read({U"twenty", U"twelve"}), Read(20, 1));
  EXPECT_EQ(read({U"two", U"thousand", U"three", U"hundred", U"and", U"four"}), Read(2304, 6));
  EXPECT_EQ(read({U"hundred", U"and", U"cats"}), Read(100, 1));
  EXPECT_EQ(read({U"two", U"dozen"}), Read(24, 2));
  EXPECT_EQ(read({U"hundred", U"hundred"}), Read(100, 1));
  EXPECT_EQ(read({U"thousand", U"thousand"}), Read(1000, 1));
  EXPECT_EQ(read({U"cats"}), Read(-1, 0));
  EXPECT_EQ(read({}), Read(-1, 0));
}

double answer_score(const std::string& answer, const std::string& reply) {
  return short_answer_score(reply, {&answer, 1});
}

TEST(ShortAnswer, IgnoresWhatAReaderIgnores) {
  const std::pair<const char*, const char*> equal[] = {
      {"red", "Red"},
      {"red", " red\n"},
      {"red", "red."},
      {kCafe, "cafe\u0301"},
      {"\u00c9cole", "\u00e9cole"},
      {"50%", "50 %"},
      {"it's", "it\u2019s"},
      {"12", "\uff11\uff12"},
      {"\u6771\u4eac", "\u6771\u4eac\u3002"},
      {"dog", "a dog"},
      {"dog", "The dog."},
      {"2", "two"},
      {"21", "Twenty-one"},
      {"1200", "1,200"},
      {"don't", "dont"},
      {"t-shirt", "T shirt"},
      {"red", "**red**"},
      {"red", "\"red\""},
      {"USA", "U.S.A."},
      {"red, white", "red white"},
      {"?", "?"},
      {"a", "A"},
      {"\u0391\u0398\u0397\u039d\u0391", "\u03b1\u03b8\u03b7\u03bd\u03b1"},
      {"office", "o\ufb03ce"}};
  for (const auto& [answer, reply] : equal) EXPECT_EQ(answer_score(answer, reply), 1.0) << answer << " / " << reply;
}

TEST(ShortAnswer, KeepsWhatMeansSomethingElse) {
  const std::pair<const char*, const char*> different[] = {{"stra\u00dfe", "STRASSE"},
                                                           {"3.5", "3,5"},
                                                           {"35", "3,5"},
                                                           {"yes", "yes, it is"},
                                                           {"\u00bd", "1/2"},
                                                           {"12", "1\u00b2"},
                                                           {"5", "-5"},
                                                           {"C", "C++"},
                                                           {"A", ""},
                                                           {"no", ""},
                                                           {"a", "the"},
                                                           {"b", "a/b"},
                                                           {"5", "$5"},
                                                           {"5", "5%"},
                                                           {"A", "A-"},
                                                           {"vitamin", "vitamin a"},
                                                           {"10", "10:30"},
                                                           {"red", "reddish"},
                                                           {"?", "!"},
                                                           {"", ""}};
  for (const auto& [answer, reply] : different) EXPECT_EQ(answer_score(answer, reply), 0.0) << answer << " / " << reply;
}

TEST(ShortAnswer, AnyOfTheAnswersWillDo) {
  const std::vector<std::string> answers = {"red", "dark red"};
  EXPECT_EQ(short_answer_score("Dark red.", answers), 1.0);
  EXPECT_EQ(short_answer_score("dark", answers), 0.0);
  EXPECT_EQ(short_answer_score("red", {}), 0.0);
}

double clock_of(const std::string& reply, const std::string& answer) { return clock_reply_score(reply, {&answer, 1}); }

TEST(ClockReply, ReadsTheTimeOfASentence) {
  for (const char* reply : {"8:05", "08:05", "8:05.", "It's 8:05 PM", "The time is 20:05.", "8 : 05", "8:5",
                            "\uff18\uff1a\uff10\uff15", "**8:05**", "8:05:30", "8:05 or 8:06", "at 32:10, no, 8:05"})
    EXPECT_EQ(clock_of(reply, "8:05"), 1.0) << reply;
  for (const char* reply : {"8:06", "9:05", "18:05:", "18:05", "8.05", "805", "8:050", "", "five past eight", "8:65",
                            "9999999999999999999:30", "8:99999999999999999999", "1.8:05"})
    EXPECT_EQ(clock_of(reply, "8:05"), 0.0) << reply;
  EXPECT_EQ(clock_of("0:30", "12:30"), 1.0);
  EXPECT_EQ(clock_of("24:30", "12:30"), 1.0);
  EXPECT_EQ(clock_of("8:05:30", "8:05:30"), 1.0);
  EXPECT_EQ(clock_of("8:05", "8:05:30"), 0.0);
  EXPECT_EQ(clock_of("Half past two.", "half past two"), 1.0);  // an answer in words
}

TEST(SaysNone, WantsASentenceThatDoes) {
  for (const char* reply : {"There are none.", "None", "No dogs here", "no", "0", "Nothing", "There isn't a dog there",
                            "The dog is not in the picture", "Dogs are not visible", "THERE ARE NONE"})
    EXPECT_TRUE(says_none(fold_reply(reply))) << reply;
  for (const char* reply : {"", "dogs", "I don't know", "noon", "10", "asdf", "not sure", "nonesuch", "There are dogs"})
    EXPECT_FALSE(says_none(fold_reply(reply))) << reply;
}

}  // namespace
}  // namespace molmo::metrics
