// Runs a model over the questions of a split and scores it beside two baselines of the same run: the same model with
// blank pictures, and chance (the right reply of another question of the task).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/questions.h"
#include "generate/generator.h"
#include "metrics/intervals.h"

namespace molmo::eval {

/// One of several processes that answer together: every count-th question, from `index` on.
struct Share {
  int index = 0, count = 1;
  /// Called once, behind the last answer: hands what this one says to all, and gives what all have said.
  std::function<std::vector<std::string>(const std::string& own)> exchange;
};

struct EvalOptions {
  std::filesystem::path data;  ///< own-data folder
  std::string split = "test";
  std::vector<Task> tasks;   ///< empty: all
  int64_t max_per_task = 0;  ///< 0: all questions
  int batch_size = 16;
  uint32_t seed = 0;          ///< of prompt templates and of the chance baseline
  std::filesystem::path out;  ///< folder for predictions.jsonl, from which a stopped run goes on; empty: none
  bool with_blank = true;     ///< ask about blank pictures too
  Share share;                ///< `out` is for a single process
};

/// One answered question.
struct Answered {
  Question question;  ///< its record pointer is gone after evaluate()
  std::filesystem::path image;
  data::ImageSize size;
  std::string prompt, reply, blank_reply, chance_reply;
  double score = 0.0, blank_score = 0.0, chance_score = 0.0;
};

/// Means over the questions of a task, in [0, 1]; the interval (95 %) is the model's.
struct TaskScore {
  Task task;
  int64_t num_questions = 0;
  double model = 0.0, blank = 0.0, chance = 0.0;
  metrics::Interval interval;
};

struct EvalResult {
  std::vector<TaskScore> scores;
  std::vector<Answered> answers;
  int64_t num_pictures = 0;
  double seconds = 0.0;
};

/// With a share every process returns the whole result. Errors: a split without pictures or questions; predictions in
/// `out` that were made with other settings.
EvalResult evaluate(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                    const EvalOptions& options);

/// {"pointing_f1": {"model", "blank", "chance", "n", "interval"}, ...}
Json scores_json(const EvalResult& result);

/// The score table as text.
std::string format_scores(const EvalResult& result);

}  // namespace molmo::eval
