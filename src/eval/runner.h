// Runs a model over the questions of a split and scores it beside two baselines of the same run: the same model with
// blank pictures, and chance (the correct answer to another question of the same task).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "eval/questions.h"
#include "eval/score_table.h"
#include "generate/generator.h"
#include "molmo/decode_limits.h"

namespace molmo::eval {

/// One of several processes that answer together: every count-th question, from `index` on.
struct Share {
  int index = 0, count = 1;
  /// All-gathers the processes' answers; called once, after the last one.
  std::function<std::vector<std::string>(const std::string& own)> exchange;
};

struct EvalOptions {
  std::filesystem::path data;  ///< own-data folder
  std::string split = "test";
  std::vector<Task> tasks;          ///< empty: all
  int64_t max_per_task = 0;         ///< 0: all questions
  std::optional<HitRadius> radius;  ///< what makes a hit where points have no boxes; none: they are left out
  int batch_size = 16;
  uint32_t seed = 0;          ///< of prompt templates, the chance baseline and the intervals
  std::filesystem::path out;  ///< folder for predictions.jsonl, from which a stopped run goes on; empty: none
  bool with_blank = true;     ///< ask about blank pictures too
  DecodeLimits limits;        ///< of each picture
  Share share;                ///< `out` is for a single process
  bool shows_progress = false;
};

/// One answered question.
struct Answered {
  Question question;  ///< without its record
  std::filesystem::path image;
  data::ImageSize size;
  std::string prompt, prediction, blank_prediction, chance_answer;
  QuestionScore score;
};

/// What will be asked: known without a model, whose loading takes minutes.
struct EvalPlan {
  std::vector<Task> tasks;            ///< each once
  std::vector<Answered> items;        ///< without predictions
  int64_t num_pictures = 0;           ///< of the split
  std::vector<std::string> left_out;  ///< what of the split is not asked about, a clause each
};

/// Reads the data. Errors: those of the data; a split without pictures or questions.
EvalPlan plan_evaluation(const EvalOptions& options);

struct EvalResult {
  std::vector<TaskScore> scores;
  std::vector<Answered> answers;
  int64_t num_pictures = 0;
  double seconds = 0.0;
};

/// Asks what is planned. With a share every process returns the whole result. A question's prompt depends on the seed,
/// its picture and what it asks, not on the questions beside it. Errors: those of PredictionLog.
EvalResult evaluate(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                    const EvalOptions& options, EvalPlan plan);

/// Plans and asks.
EvalResult evaluate(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                    const EvalOptions& options);

}  // namespace molmo::eval
