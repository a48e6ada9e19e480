// SPDX-License-Identifier: Apache-2.0
#include "eval/scoring.h"

#include "base/check.h"
#include "data/point_reader.h"
#include "metrics/cap_f1.h"
#include "metrics/clock_reply.h"
#include "metrics/count_reply.h"
#include "metrics/pointing.h"
#include "metrics/reply_text.h"
#include "metrics/short_answer.h"

namespace molmo::eval {
namespace {

bool is_absence_said(const std::string& prediction, data::ImageSize size) {
  return data::read_points(prediction, size).empty() && metrics::says_none(metrics::fold_reply(prediction));
}

}  // namespace

PointMatch match_points(const Question& question, const std::string& prediction, data::ImageSize size) {
  PointMatch match{.predicted = data::read_points(prediction, size),
                   .truth = true_points(question, size),
                   .is_hit = {},
                   .is_found = {}};
  const Truth& truth = question.truth;
  const metrics::PointingScore score = truth.boxes.empty() && !match.truth.empty()
                                           ? metrics::point_f1(match.predicted, match.truth, truth.radius.pixels(size))
                                           : metrics::point_f1(match.predicted, truth.boxes);
  match.is_hit.resize(match.predicted.size());
  match.is_found.resize(match.truth.size());
  for (const auto& [predicted, found] : score.assignment) match.is_hit[predicted] = match.is_found[found] = true;
  match.f1 = score.f1;
  return match;
}

double score_prediction(const Question& question, const std::string& prediction, data::ImageSize size) {
  switch (question.task) {
    case Task::kPointing:
      return match_points(question, prediction, size).f1;
    case Task::kAbsence:
      return is_absence_said(prediction, size) ? 1.0 : 0.0;
    case Task::kCounting:
      return metrics::read_count(prediction) == question.truth.count ? 1.0 : 0.0;
    case Task::kClock:
      return metrics::clock_reply_score(prediction, question.truth.answers);
    case Task::kShortAnswer:
      return metrics::short_answer_score(prediction, question.truth.answers);
    case Task::kCaption:
      return metrics::caption_word_f1(prediction, question.truth.answers.front());
  }
  MOLMO_CHECK(false, "unknown task");
}

std::string true_answer(const Question& question, data::ImageSize size) {
  switch (question.task) {
    case Task::kPointing:
    case Task::kAbsence:
      return data::points_to_text(data::to_percent({true_points(question, size), false}, std::nullopt, size),
                                  "pointing", question.label);
    case Task::kCounting:
      return std::to_string(question.truth.count);
    default:
      return question.truth.answers.front();
  }
}

}  // namespace molmo::eval
