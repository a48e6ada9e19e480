// libFuzzer entry: any bytes are a reply, and every metric that reads replies gives it a score from 0 to 1; points lie
// in the picture. The first byte chooses what is true.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "data/point_reader.h"
#include "data/points.h"
#include "metrics/anls.h"
#include "metrics/cap_f1.h"
#include "metrics/cleanup.h"
#include "metrics/clock.h"
#include "metrics/clock_reply.h"
#include "metrics/count.h"
#include "metrics/count_reply.h"
#include "metrics/exact_match.h"
#include "metrics/mmmu.h"
#include "metrics/multiple_choice.h"
#include "metrics/point_reply.h"
#include "metrics/pointing.h"
#include "metrics/relaxed_correctness.h"
#include "metrics/reply_text.h"
#include "metrics/short_answer.h"
#include "metrics/vqa_score.h"

namespace {

using namespace molmo;
using namespace molmo::metrics;

constexpr data::ImageSize kSize{200, 100};

void expect(bool holds) {
  if (!holds) std::abort();
}

void expect_score(double score) { expect(score >= 0.0 && score <= 1.0); }

void read_points(const std::string& reply) {
  const std::vector<Point> points = data::read_points(reply, kSize);
  for (const std::vector<Point>& found : {points, data::extract_points(reply, kSize)}) {
    for (const Point& point : found)
      expect(point[0] >= 0 && point[0] <= kSize.width && point[1] >= 0 && point[1] <= kSize.height);
  }
  data::extract_count_points(reply, kSize);
  data::extract_boxes(reply, kSize);
  const Box boxes[] = {{0, 0, 100, 50}, {50, 0, 200, 100}, {100, 50, 100, 50}};
  expect_score(point_f1(points, boxes).f1);
  const Mask masks[] = {{2, 1, {1, 0}}, {1, 1, {1}}};
  const Point references[] = {{0, 0}, {100, 50}};
  expect_score(pointing_score(points, is_point_reply(reply), references, masks, Mode::kFixed).f1);
}

void read_numbers(const std::string& reply, uint8_t choice) {
  constexpr int64_t kCounts[] = {0, 1, 12, std::numeric_limits<int64_t>::max(), 1'000'000'000'000'000'000};
  const int64_t count = kCounts[choice % std::size(kCounts)];
  for (const Mode mode : {Mode::kReference, Mode::kFixed}) count_score(reply, count, mode);
  // What the benchmark reads the embedded task reads too.
  const auto parsed = parse_count(reply, Mode::kReference);
  const auto read = read_count(reply);
  if (parsed && parsed->digits.size() <= 18) expect(read == parsed->value);
  const ClockTime time{choice % 13, choice % 61, choice % 2 == 0 ? -1 : choice % 60};
  for (const ClockSet set : {ClockSet::kBenchmark, ClockSet::kSynthetic}) clock_score(reply, time, set);
  if (const auto read_time = read_clock_time(reply))
    expect(read_time->hour >= 0 && read_time->hour < 12 && read_time->minute >= 0 && read_time->minute < 60);
}

void read_answers(const std::string& reply) {
  const std::vector<std::string> answers = {"red", "12", "50%", "A. a dog", reply};
  const std::span<const std::string> others = std::span(answers).first(4);
  using Score = double (*)(std::string_view, std::span<const std::string>);
  for (const Score score : {vqa_score, short_answer_score, clock_reply_score, a_okvqa_score})
    expect_score(score(reply, others));
  const std::string normal = normalize_short_answer(reply);
  if (!normal.empty()) expect(short_answer_score(reply, answers) == 1.0);  // it equals itself
  is_exact_match(reply, others);
  is_relaxed_correct(reply, others);
  expect(select_option(reply, others) < others.size());
  expect_score(anls_one(reply, answers[0], kAnlsThreshold, Mode::kFixed));
  expect_score(caption_word_f1(reply, "a red dog"));
  clean_prediction(reply);
  clean_submission(reply);
  parse_mmmu_letter(reply, others);
  is_mmmu_open_correct(parse_mmmu_open(reply), others);
  says_none(fold_reply(reply));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string reply(reinterpret_cast<const char*>(data) + 1, size - 1);
  read_points(reply);
  read_numbers(reply, data[0]);
  read_answers(reply);
  return 0;
}
