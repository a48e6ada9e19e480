// SPDX-License-Identifier: Apache-2.0
// MMMU: letters, numbers, open answers and the generator of the fallback.
#include "metrics/mmmu.h"

#include <algorithm>
#include <cmath>

#include "metrics/mmmu_numbers.h"
#include "metrics/python_random.h"
#include "oracles/metrics/lines.h"

namespace molmo::metrics {
namespace {

void expect_candidates(GoldenCase& golden, const std::string& what, const std::vector<MmmuCandidate>& got,
                       const Json& expected) {
  golden.expect_equal(what + " count", got.size(), expected.size());
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    const Json& value = expected.at(i);
    const bool is_number =
        value.is_number() || (got[i].index() == 0 && value.is_string() && !std::isfinite(std::get<0>(got[i])));
    if (is_number && got[i].index() == 0) {
      expect_score(golden, what, std::get<0>(got[i]), value);
    } else if (got[i].index() == 1 && value.is_string()) {
      golden.expect_text(what, std::get<1>(got[i]), value);
    } else {
      golden.fail(what + ": kinds differ at " + value.dump());
    }
  }
}

GOLDEN_LINES(mmmu_multiple_choice) {
  const auto options = read_texts(row.at("options"));
  const std::string response = row.at("response");
  golden.expect_equal(id + " letters", mmmu_options(options).size(), row.at("letters").size());
  if (row.contains("raises")) return golden.expect_error(id, [&] { parse_mmmu_letter(response, options); });
  const auto letter = parse_mmmu_letter(response, options);
  golden.expect_equal(id + " random", !letter.has_value(), row.at("random").get<bool>());
  if (!letter || !row.contains("letter")) return;
  golden.expect_text(id + " letter", std::string(1, *letter), row.at("letter"));
  const auto answers = read_texts(row.at("answer"));
  const bool is_correct = std::count(answers.begin(), answers.end(), std::string(1, *letter)) > 0;
  expect_score(golden, id + " score", is_correct ? 1.0 : 0.0, row.at("score"));
}

GOLDEN_LINES(mmmu_random) {
  PythonRandom random(row.at("seed"));
  std::vector<std::string> letters;
  for (const Json& count : row.at("choices")) letters.emplace_back(1, static_cast<char>('A' + random.choose(count)));
  golden.expect_equal(id, letters, read_texts(row.at("letters")));
}

GOLDEN_LINES(mmmu_numbers) {
  const std::string text = row.at("text");
  golden.expect_text(id + " numbers", Json(find_mmmu_numbers(text)).dump(), row.at("numbers").dump());
  golden.expect_equal(id + " is_number", is_mmmu_number(text), row.at("is_number").get<bool>());
  expect_candidates(golden, id + " normalized", normalize_mmmu_text(text), row.at("normalized"));
}

GOLDEN_LINES(mmmu_open) {
  const auto candidates = parse_mmmu_open(row.at("response").get<std::string>());
  expect_candidates(golden, id + " parsed", candidates, row.at("parsed"));
  expect_score(golden, id + " score", is_mmmu_open_correct(candidates, read_texts(row.at("answers"))) ? 1.0 : 0.0,
               row.at("score"));
}

}  // namespace
}  // namespace molmo::metrics
