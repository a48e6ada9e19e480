// SPDX-License-Identifier: Apache-2.0
// Short answers: clean-up, VQA score, exact match, A-OKVQA, ANLS, relaxed correctness, multiple choice, RealWorldQA.
#include "metrics/anls.h"
#include "metrics/clean_prediction.h"
#include "metrics/exact_match.h"
#include "metrics/multiple_choice.h"
#include "metrics/relaxed_correctness.h"
#include "metrics/vqa_score.h"
#include "oracles/metrics/lines.h"

namespace molmo::metrics {
namespace {

std::string prediction_of(const Json& row) { return row.at("prediction"); }

GOLDEN_LINES(cleanup) { golden.expect_text(id, clean_prediction(prediction_of(row)), row.at("cleaned")); }

GOLDEN_LINES(vqa_normalize) {
  const std::string text = row.at("text");
  golden.expect_text(id + " after_punctuation", strip_vqa_punctuation(text), row.at("after_punctuation"));
  golden.expect_text(id + " normalized", normalize_vqa_answer(text), row.at("normalized"));
}

GOLDEN_LINES(vqa_score) {
  const Json& answers = row.at("answers");
  const std::string normalized = normalize_vqa_answer(prediction_of(row));
  golden.expect_text(id + " prediction", normalized, row.at("normalized_prediction"));
  if (answers.is_string()) {  // the function's form for one text, which the evaluator never uses
    return expect_score(golden, id, normalized == answers.get<std::string>() ? 1.0 : 0.0, row.at("score"));
  }
  const auto references = read_texts(answers), expected = read_texts(row.at("normalized_answers"));
  for (size_t i = 0; i < references.size(); ++i)
    golden.expect_text(id, normalize_vqa_answer(references[i]), expected.at(i));
  expect_score(golden, id + " score", vqa_score(prediction_of(row), references), row.at("score"));
}

GOLDEN_LINES(a_okvqa_score) {
  expect_score(golden, id, a_okvqa_score(prediction_of(row), read_texts(row.at("answers"))), row.at("score"));
}

GOLDEN_LINES(anls) {
  const auto references = read_texts(row.at("answers"));
  const std::string prediction = prediction_of(row);
  const double theta = row.value("theta", kAnlsThreshold);
  for (size_t i = 0; i < references.size(); ++i) {
    const AnlsParts parts = anls_parts(prediction, references[i]);
    golden.expect_equal(id + " edit_distance", parts.edit_distance, row.at("edit_distances").at(i).get<size_t>());
    golden.expect_equal(id + " max_length", parts.max_length, row.at("max_lengths").at(i).get<size_t>());
    const Json& expected = row.at("scores").at(i);
    if (expected.is_object()) {
      golden.expect_error(id, [&] { anls_one(prediction, references[i], theta); });
    } else {
      expect_score(golden, id, anls_one(prediction, references[i], theta), expected);
    }
  }
  if (row.contains("raises")) {
    golden.expect_error(id, [&] { anls(prediction, references, theta); });
  } else {
    expect_score(golden, id, *anls(prediction, references, theta), row.at("score"));
  }
  const Json& fixed = row.contains("fixed") ? row.at("fixed") : row.at("score");
  const auto got = anls(prediction, references, theta, ScoringMode::kFixed);
  golden.expect_equal(id + " fixed has a score", got.has_value(), !fixed.is_null());
  if (got) expect_score(golden, id + " fixed", *got, fixed);
}

GOLDEN_LINES(em) {
  if (row.contains("raises")) return golden.expect_true(id + ": references of no kind", row.at("answers").is_null());
  const bool got = is_exact_match(clean_prediction(prediction_of(row)), read_texts(row.at("answers")));
  golden.expect_equal(id, got, row.at("score").get<bool>());
}

GOLDEN_LINES(relaxed_correctness) {
  const std::string prediction = prediction_of(row);
  const auto references = read_texts(row.at("answers"));
  const auto expect_value = [&](const std::string& text, const Json& expected) {
    const auto value = chart_number(text);
    golden.expect_equal(id + " '" + text + "' is a number", value.has_value(), !expected.is_null());
    if (value && !expected.is_null()) expect_score(golden, id + " value", *value, expected);
  };
  expect_value(prediction, row.at("prediction_value"));
  for (size_t i = 0; i < references.size(); ++i) {
    expect_value(references[i], row.at("target_values").at(i));
    const bool got = is_relaxed_correct(prediction, std::string_view(references[i]));
    golden.expect_equal(id + " one", got, row.at("scores").at(i).get<bool>());
  }
  if (row.contains("raises")) return golden.expect_error(id, [&] { is_relaxed_correct(prediction, references); });
  golden.expect_equal(id, is_relaxed_correct(prediction, references), row.at("score").get<bool>());
}

GOLDEN_LINES(multiple_choice) {
  const auto options = read_texts(row.at("options"));
  if (row.contains("raises")) return golden.expect_error(id, [&] { select_option(prediction_of(row), options); });
  const size_t got = select_option(prediction_of(row), options);
  golden.expect_equal(id + " index", got, row.at("index").get<size_t>());
  golden.expect_equal(id + " correct", got == row.at("answer_idx").get<size_t>(), row.at("correct").get<bool>());
  golden.expect_equal(id + " distances", option_distances(prediction_of(row), options),
                      row.at("edit_distances").get<std::vector<size_t>>());
}

GOLDEN_LINES(real_world_qa) {
  const std::string answer = row.at("answer"), kind = row.at("question_type");
  if (row.contains("raises"))
    return golden.expect_error(id, [&] { real_world_qa_score(prediction_of(row), answer, kind); });
  expect_score(golden, id, real_world_qa_score(prediction_of(row), answer, kind) ? 1.0 : 0.0, row.at("score"));
}

}  // namespace
}  // namespace molmo::metrics
