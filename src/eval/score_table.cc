// SPDX-License-Identifier: Apache-2.0
#include "eval/score_table.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace molmo::eval {
namespace {

constexpr const char* kMode = "fixed";

std::string blank_text(const TaskScore& score) { return score.blank ? fmt::format("{:.3f}", *score.blank) : "-"; }

}  // namespace

std::vector<TaskScore> summarize(std::span<const QuestionScore> questions, std::span<const Task> tasks, uint32_t seed) {
  std::vector<TaskScore> scores;
  for (const Task task : tasks) {
    TaskScore score{.task = task};
    std::vector<double> values;
    double blank = 0.0;
    bool has_blank = true;
    for (const QuestionScore& question : questions) {
      if (question.task != task) continue;
      values.push_back(question.model);
      score.model += question.model;
      score.chance += question.chance;
      blank += question.blank.value_or(0.0);
      has_blank &= question.blank.has_value();
    }
    if (values.empty()) continue;
    const auto count = static_cast<double>(values.size());
    score.num_questions = static_cast<int64_t>(values.size());
    score.model /= count;
    score.chance /= count;
    if (has_blank) score.blank = blank / count;
    score.interval = metrics::bootstrap_mean_interval(values, 0.95, 1000, seed);
    scores.push_back(score);
  }
  return scores;
}

Json scores_json(std::span<const TaskScore> scores) {
  Json json = Json::object();
  for (const TaskScore& score : scores) {
    json[std::string(task_info(score.task).metric)] = {
        {"model", score.model},     {"blank", score.blank ? Json(*score.blank) : Json()},    {"chance", score.chance},
        {"n", score.num_questions}, {"interval", {score.interval.low, score.interval.high}}, {"mode", kMode}};
  }
  return json;
}

std::string format_scores(std::span<const TaskScore> scores) {
  std::string text = fmt::format("{:<24} {:>7} {:>16} {:>7} {:>7} {:>6}\n", "score", "model", "95 % interval", "blank",
                                 "chance", "items");
  for (const TaskScore& score : scores) {
    text += fmt::format("{:<24} {:>7.3f}   [{:.3f}, {:.3f}] {:>7} {:>7.3f} {:>6}\n", task_info(score.task).metric,
                        score.model, score.interval.low, score.interval.high, blank_text(score), score.chance,
                        score.num_questions);
  }
  return text;
}

}  // namespace molmo::eval
