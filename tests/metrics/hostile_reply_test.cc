// Replies that nobody would write: numbers beyond every type, megabytes, bytes that are no text. All of them score, at
// once.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "base/unicode_form.h"
#include "base/unicode_text.h"
#include "metrics/cap_f1.h"
#include "metrics/clean_prediction.h"
#include "metrics/clock.h"
#include "metrics/clock_reply.h"
#include "metrics/count.h"
#include "metrics/count_reply.h"
#include "metrics/mmmu.h"
#include "metrics/mmmu_numbers.h"
#include "metrics/number_text.h"
#include "metrics/point_reply.h"
#include "metrics/pointing.h"
#include "metrics/relaxed_correctness.h"
#include "metrics/short_answer.h"
#include "metrics/vqa_score.h"

namespace molmo::metrics {
namespace {

using geometry::Box;
using geometry::Point;

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max(), kSmallest = std::numeric_limits<int64_t>::min();

TEST(HugeNumbers, AreWrongAndNotUndefined) {
  for (const char* reply : {"9999999999999999999:30", "-9999999999999999999:30", "3:9999999999999999999",
                            "9223372036854775807:-9223372036854775808"}) {
    for (const ClockSet set : {ClockSet::kBenchmark, ClockSet::kSynthetic}) {
      const ClockScore score = clock_score(reply, {.hour = 3, .minute = 58}, set);
      EXPECT_FALSE(score.overall_exact || score.overall_close) << reply;
    }
  }
  for (const int64_t count : {kLargest, int64_t{1'000'000'000'000'000'000}, int64_t{0}}) {
    for (const char* reply : {"-9999999999999999999", "9999999999999999999", "1000000000000000001"}) {
      const CountScore score = count_score(reply, count);
      EXPECT_TRUE(score.is_valid);
      EXPECT_FALSE(score.is_correct || score.is_close) << reply << " " << count;
    }
  }
  EXPECT_EQ(distance_of(kLargest, kSmallest), std::numeric_limits<uint64_t>::max());
  EXPECT_TRUE(count_score("7", 8).is_close);
}

TEST(ClockSets, OnlyTheBenchmarkWrapsMinutes) {
  const auto minute_close = [](const char* reply, ClockTime time, ClockSet set) {
    return *clock_score(reply, time, set).minute_close;
  };
  EXPECT_TRUE(minute_close("3:00", {.hour = 3, .minute = 59}, ClockSet::kBenchmark));
  EXPECT_FALSE(minute_close("3:01", {.hour = 3, .minute = 59}, ClockSet::kBenchmark));
  for (const char* reply : {"3:00", "3:01", "3:02"})
    EXPECT_FALSE(minute_close(reply, {.hour = 3, .minute = 58}, ClockSet::kSynthetic)) << reply;
  EXPECT_TRUE(minute_close("3:55", {.hour = 3, .minute = 58}, ClockSet::kSynthetic));
  EXPECT_FALSE(clock_score("3:01", {.hour = 3, .minute = 58}, ClockSet::kSynthetic).overall_close);
}

// Everything that reads a reply.
void read_everything(const std::string& reply) {
  const std::vector<std::string> answers = {"12", "10:09"};
  read_count(reply);
  parse_count(reply, ScoringMode::kFixed);
  clock_reply_score(reply, answers);
  clock_score(reply, {.hour = 10, .minute = 9});
  short_answer_score(reply, answers);
  vqa_score(reply, answers);
  clean_prediction(reply);
  is_relaxed_correct(reply, answers[0]);
  parse_mmmu_open(reply);
  parse_mmmu_letter(reply, answers);
  find_mmmu_numbers(reply);
  is_point_reply(reply);
  caption_word_f1(reply, "a dog");
}

std::string repeated(const std::string& piece, size_t size) {
  std::string text;
  while (text.size() < size) text += piece;
  return text;
}

TEST(LongReplies, TakeTimeInProportion) {
  constexpr size_t kSize = 200'000;
  std::string lines, marks;
  for (int i = 0; lines.size() < kSize; ++i) lines += std::to_string(i) + "\n";
  for (const char* piece : {"\u0301", "\u0316"}) marks += repeated(piece, kSize / 2);  // in the wrong order
  std::vector<std::string> texts = {lines, marks};
  for (const char* piece :
       {"1", "1,",    "1.",   "1e", "12:",     "a total of ", "<points x1=\"1\"", "x=",  "x=\"", "(1.0, ", "-",
        " ", "none ", "one ", "'",  "twenty-", "a",           "Answer:",          "is ", ".",    "\xff"}) {
    texts.push_back(repeated(piece, kSize));
  }
  for (const std::string& text : texts) {
    const auto start = std::chrono::steady_clock::now();
    read_everything(text);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_LT(seconds, 5.0) << text.substr(0, 20);  // what grows with the square takes minutes
  }
}

TEST(BytesThatAreNoText, AreRead) {
  for (const std::string& text : {std::string("\0 12 \0", 6), std::string("\xff\xfe 12"), std::string("\xed\xa0\x80"),
                                  std::string("\xf4\x90\x80\x80"), std::string(1, '\0')})
    read_everything(text);
  EXPECT_EQ(read_count(std::string("\0 12 cats", 9)), 12);
}

TEST(ManyPoints, AreMatchedAtOnce) {
  std::vector<Box> boxes;
  for (int i = 0; i < 300; ++i) boxes.push_back({0, 0, 10, 10});
  const std::vector<Point> points(100'000, Point{5, 5});
  EXPECT_NEAR(point_f1(points, boxes).f1, 2 * 300 / (100'000.0 + 300), 1e-12);
  const Mask mask{1, 1, {1}};
  const std::vector<Point> references(20, Point{0, 0});
  EXPECT_EQ(pointing_score(points, true, references, std::vector<Mask>(20, mask)).f1, 0.0);  // too many to assign
}

TEST(PlainForm, ComposesAndKeepsWhatMeansMore) {
  using unicode::plain_form;
  EXPECT_EQ(plain_form(U"cafe\u0301"), U"caf\u00e9");
  EXPECT_EQ(plain_form(U"\uff11\uff12\u3000\ufb01"), U"12 fi");
  EXPECT_EQ(plain_form(U"\u00bd x\u00b2 \u2460"), U"\u00bd x\u00b2 \u2460");
  EXPECT_EQ(plain_form(std::u32string(2, U'\0')), std::u32string(2, U'\0'));
  EXPECT_EQ(plain_form(U"plain"), U"plain");
}

}  // namespace
}  // namespace molmo::metrics
