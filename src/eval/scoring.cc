// SPDX-License-Identifier: Apache-2.0
#include "eval/scoring.h"

#include "base/check.h"
#include "base/strings.h"
#include "metrics/cap_f1.h"
#include "metrics/count.h"
#include "metrics/pointing.h"

namespace molmo::eval {
namespace {

bool is_accepted(const std::string& reply, const std::vector<std::string>& answers) {
  const std::string given = lower_ascii(trim_text(reply));
  return std::any_of(answers.begin(), answers.end(),
                     [&](const std::string& answer) { return lower_ascii(trim_text(answer)) == given; });
}

}  // namespace

double score_reply(const Question& question, const std::string& reply, data::ImageSize size) {
  switch (question.task) {
    case Task::kPointing:
      return metrics::point_f1(data::extract_points(reply, size), question.truth.boxes).f1;
    case Task::kAbsence:
      return data::extract_points(reply, size).empty() ? 1.0 : 0.0;
    case Task::kCounting: {
      if (reply.find("There are none") != std::string::npos) return question.truth.count == 0 ? 1.0 : 0.0;
      return metrics::count_score(reply, question.truth.count, metrics::Mode::kFixed).is_correct ? 1.0 : 0.0;
    }
    case Task::kClock:
    case Task::kShortAnswer:
      return is_accepted(reply, question.truth.answers) ? 1.0 : 0.0;
    case Task::kCaption:
      return metrics::caption_word_f1(reply, question.truth.answers.front());
  }
  MOLMO_CHECK(false, "unknown task");
}

std::string true_reply(const Question& question, data::ImageSize size) {
  switch (question.task) {
    case Task::kPointing:
    case Task::kAbsence:
      return data::points_to_text(data::to_percent({question.truth.points, false}, std::nullopt, size), "pointing",
                                  question.label);
    case Task::kCounting:
      return std::to_string(question.truth.count);
    default:
      return question.truth.answers.front();
  }
}

}  // namespace molmo::eval
