// libFuzzer entry: any bytes are a reply, and every metric that reads points and numbers in replies gives it a score
// from 0 to 1; points lie in the picture. The first byte chooses what is true. Metrics of words: fuzz_answer.cc.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "data/point_reader.h"
#include "data/point_scanner.h"
#include "data/points.h"
#include "metrics/clock.h"
#include "metrics/clock_reply.h"
#include "metrics/count.h"
#include "metrics/count_reply.h"
#include "metrics/point_reply.h"
#include "metrics/pointing.h"

namespace {

using namespace molmo;
using namespace molmo::metrics;
using geometry::Box;
using geometry::Point;

constexpr data::ImageSize kSize{200, 100};

void expect(bool holds) {
  if (!holds) std::abort();
}

void expect_score(double score) { expect(score >= 0.0 && score <= 1.0); }

void read_points(const std::string& reply) {
  const std::vector<Point> points = data::read_points(reply, kSize);
  for (const std::vector<Point>& found : {points, data::extract_points(reply, kSize)}) {
    for (const Point& point : found)
      expect(point.x >= 0 && point.x <= kSize.width && point.y >= 0 && point.y <= kSize.height);
  }
  data::extract_count_points(reply, kSize);
  data::extract_boxes(reply, kSize);
  const Box boxes[] = {{0, 0, 100, 50}, {50, 0, 200, 100}, {100, 50, 100, 50}};
  expect_score(point_f1(points, boxes).f1);
  const Mask masks[] = {{2, 1, {1, 0}}, {1, 1, {1}}};
  const Point references[] = {{0, 0}, {100, 50}};
  expect_score(pointing_score(points, is_point_reply(reply), references, masks, ScoringMode::kFixed).f1);
}

void read_numbers(const std::string& reply, uint8_t choice) {
  constexpr int64_t kCounts[] = {0, 1, 12, std::numeric_limits<int64_t>::max(), 1'000'000'000'000'000'000};
  const int64_t count = kCounts[choice % std::size(kCounts)];
  for (const ScoringMode mode : {ScoringMode::kReference, ScoringMode::kFixed}) count_score(reply, count, mode);
  // What the benchmark reads the embedded task reads too.
  const auto parsed = parse_count(reply, ScoringMode::kReference);
  const auto read = read_count(reply);
  if (parsed && parsed->digits.size() <= 18) expect(read == parsed->value);
  const ClockTime time{choice % 13, choice % 61, choice % 2 == 0 ? -1 : choice % 60};
  for (const ClockSet set : {ClockSet::kBenchmark, ClockSet::kSynthetic}) clock_score(reply, time, set);
  if (const auto read_time = read_clock_time(reply))
    expect(read_time->hour >= 0 && read_time->hour < 12 && read_time->minute >= 0 && read_time->minute < 60);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string reply(reinterpret_cast<const char*>(data) + 1, size - 1);
  read_points(reply);
  read_numbers(reply, data[0]);
  return 0;
}
