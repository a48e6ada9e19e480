// SPDX-License-Identifier: Apache-2.0
// Scores that the paper describes and the reference lacks: cap F1 and intervals.
#include "metrics/cap_f1.h"
#include "metrics/intervals.h"
#include "oracles/metrics/lines.h"

namespace molmo::metrics {
namespace {

CaptionJudgement read_judgement(const Json& item) {
  CaptionJudgement judgement;
  for (const Json& label : item.at("recall")) {
    judgement.num_stated += label == "stated";
    judgement.num_not_stated += label == "not_stated";
  }
  for (const Json& label : item.at("consistency")) {
    judgement.num_consistent += label == "consistent";
    judgement.num_inconsistent += label == "inconsistent";
  }
  return judgement;
}

GOLDEN_LINES(cap_f1) {
  std::vector<CaptionJudgement> judgements;
  for (const Json& item : row.at("items")) judgements.push_back(read_judgement(item));
  for (size_t i = 0; i < judgements.size(); ++i) {
    const CaptionScore score = caption_score(judgements[i]);
    const auto expect_part = [&](const char* key, std::optional<double> got) {
      const Json& expected = row.at("per_item").at(i).at(key);
      golden.expect_equal(id + " has " + key, got.has_value(), !expected.is_null());
      if (got && !expected.is_null()) expect_score(golden, id + " " + key, *got, expected);
    };
    expect_part("recall", score.recall);
    expect_part("recall_at_10", score.recall_at_10);
    expect_part("consistency", score.consistency);
  }
  const CapF1 total = cap_f1(judgements);
  for (const auto& [key, got] : {std::pair("recall", total.recall),
                                 {"recall_at_10", total.recall_at_10},
                                 {"consistency", total.consistency},
                                 {"cap_f1", total.cap_f1}}) {
    if (!row.at(key).is_null()) expect_score(golden, id + " " + key, got, row.at(key));
  }
}

GOLDEN_LINES(wilson) {
  const Interval interval = wilson_interval(row.at("successes"), row.at("trials"), row.at("confidence"));
  expect_score(golden, id + " low", interval.low, row.at("low"));
  expect_score(golden, id + " high", interval.high, row.at("high"));
}

}  // namespace
}  // namespace molmo::metrics
