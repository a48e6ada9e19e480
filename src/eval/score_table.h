// Scores of an evaluation, task by task, beside their baselines.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/questions.h"
#include "metrics/intervals.h"

namespace molmo::eval {

/// What one question scored.
struct QuestionScore {
  Task task;
  double model = 0.0, chance = 0.0;
  std::optional<double> blank;  ///< unset where no blank picture was asked about
};

/// Means over the questions of a task, in [0, 1]; the interval (95 %) is the model's.
struct TaskScore {
  Task task;
  int64_t num_questions = 0;
  double model = 0.0, chance = 0.0;
  std::optional<double> blank;
  metrics::Interval interval;
};

/// One row for each of `tasks` that has questions. The interval is a bootstrap drawn by `seed`.
std::vector<TaskScore> summarize(std::span<const QuestionScore> questions, std::span<const Task> tasks, uint32_t seed);

/// {"pointing_f1": {"model", "blank", "chance", "n", "interval", "mode"}, ...}; "mode" names the rules of scoring
/// (metrics/scoring_mode.h).
Json scores_json(std::span<const TaskScore> scores);

/// The score table as text.
std::string format_scores(std::span<const TaskScore> scores);

}  // namespace molmo::eval
