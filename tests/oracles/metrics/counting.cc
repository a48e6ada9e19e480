// SPDX-License-Identifier: Apache-2.0
// Counting, clocks, and the means over examples and processes.
#include <map>

#include "metrics/average.h"
#include "metrics/clock.h"
#include "metrics/count.h"
#include "oracles/metrics/lines.h"

namespace molmo::metrics {
namespace {

GOLDEN_LINES(count) {
  const std::string prediction = row.at("prediction");
  const auto value = parse_count(prediction);
  golden.expect_equal(id + " valid", value.has_value(), row.at("valid").get<bool>());
  if (value && !row.at("value").is_null()) {
    const Json& expected = row.at("value");
    golden.expect_text(id + " value", value->digits,
                       expected.is_string() ? expected.get<std::string>() : expected.dump());
  }
  const CountScore score = count_score(prediction, row.at("count"));
  golden.expect_equal(id + " correct", score.is_correct, row.at("correct").get<bool>());
  golden.expect_equal(id + " close", score.is_close, row.at("close").get<bool>());
  const Json& fixed = row.contains("fixed_value") ? row.at("fixed_value") : row.at("value");
  const auto fixed_value = parse_count(prediction, ScoringMode::kFixed);
  golden.expect_equal(id + " fixed is valid", fixed_value.has_value(), !fixed.is_null());
  if (fixed_value && fixed.is_number()) golden.expect_equal(id + " fixed", fixed_value->value, fixed.get<int64_t>());
}

GOLDEN_LINES(count_eval) {
  std::map<std::string, std::vector<std::vector<double>>> scores;
  const Json& ranks = row.at("ranks");
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    for (const Json& index : ranks.at(rank)) {
      const Json& example = row.at("examples").at(index.get<size_t>());
      const CountScore score = count_score(example.at("prediction").get<std::string>(), example.at("count"));
      const auto add = [&](const std::string& key, bool value) {
        scores[key].resize(ranks.size());
        scores[key][rank].push_back(value ? 1.0 : 0.0);
      };
      add("correct", score.is_correct);
      add("close", score.is_close);
      add("valid", score.is_valid);
      add("correct_" + example.at("count").dump(), score.is_correct);
    }
  }
  std::vector<double> categories;
  for (const auto& [key, processes] : scores) {
    const double mean = mean_over_processes(processes);
    expect_mean(golden, id + " " + key, mean, row.at("metrics").at(key));
    if (key.starts_with("correct_")) categories.push_back(mean);
  }
  expect_mean(golden, id + " macro", plain_mean(categories), row.at("metrics").at("per_category_average"));
}

GOLDEN_LINES(mean) {
  expect_mean(golden, id, mean_over_processes(row.at("ranks").get<std::vector<std::vector<double>>>()), row.at("mean"));
}

GOLDEN_LINES(average_11) {
  std::vector<double> values;
  for (const auto& [name, value] : row.at("scores").items()) values.push_back(value.get<double>());
  expect_score(golden, id, plain_mean(values), row.at("average"));
}

std::map<std::string, bool> as_map(const ClockScore& score) {
  std::map<std::string, bool> map{{"overall_exact", score.overall_exact}, {"overall_close", score.overall_close}};
  const auto add = [&](const char* key, std::optional<bool> value) {
    if (value) map[key] = *value;
  };
  add("correctly_declines_to_answer", score.correctly_declines);
  add("hour_correct", score.hour_correct);
  add("minute_correct", score.minute_correct);
  add("second_correct", score.second_correct);
  add("minute_close", score.minute_close);
  add("second_close", score.second_close);
  add("all_correct", score.all_correct);
  add("all_close", score.all_close);
  return map;
}

ClockTime read_time(const Json& row) { return {row.at("hour"), row.at("minute"), row.at("second")}; }
ClockSet read_set(const Json& row) {
  return row.at("is_test").get<bool>() ? ClockSet::kBenchmark : ClockSet::kSynthetic;
}

GOLDEN_LINES(clock) {
  const std::string reply = row.at("prediction");
  ClockScorer scorer(read_set(row));
  if (row.contains("raises")) {
    golden.expect_error(id, [&] { scorer.score(reply, read_time(row)); });
  } else {
    golden.expect_equal(id, as_map(scorer.score(reply, read_time(row))),
                        row.at("scores").get<std::map<std::string, bool>>());
  }
  const Json& fixed = row.contains("fixed") ? row.at("fixed") : row.at("scores");
  golden.expect_equal(id + " fixed", as_map(clock_score(reply, read_time(row), read_set(row))),
                      fixed.get<std::map<std::string, bool>>());
}

GOLDEN_LINES(clock_eval) {
  std::map<std::string, std::vector<double>> scores;
  const auto score_all = [&] {
    ClockScorer scorer(read_set(row));
    for (const Json& example : row.at("examples")) {
      const ClockScore score = scorer.score(example.at("prediction").get<std::string>(), read_time(example));
      for (const auto& [key, value] : as_map(score)) scores[key].push_back(value ? 1.0 : 0.0);
    }
  };
  if (row.contains("raises")) return golden.expect_error(id, score_all);
  score_all();
  for (const auto& [key, expected] : row.at("metrics").items()) {
    expect_mean(golden, id + " " + key, mean_score(scores[key]), expected);
    std::vector<double> per_example;
    for (const Json& value : row.at("per_example").at(key)) per_example.push_back(read_number(value));
    golden.expect_equal(id + " " + key + " per example", scores[key], per_example);
  }
}

}  // namespace
}  // namespace molmo::metrics
