// SPDX-License-Identifier: Apache-2.0
#include "eval/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "eval/asker.h"
#include "eval/chance.h"
#include "eval/scoring.h"
#include "molmo/error.h"

namespace molmo::eval {
namespace {

// Takes over what the other processes have answered.
void exchange(std::vector<Answered>& items, const Share& share) {
  if (share.count == 1) return;
  Json own = Json::array();
  for (const size_t i : places_of(share, items.size())) {
    const Answered& item = items[i];
    own.push_back({i, item.prediction, item.blank_prediction, item.prompt, item.size.width, item.size.height});
  }
  for (const std::string& said : share.exchange(format_json_line(own))) {
    for (const Json& line : parse_json(said, "an evaluation's answers")) {
      Answered& item = items.at(line.at(0).get<size_t>());
      item.prediction = line.at(1), item.blank_prediction = line.at(2), item.prompt = line.at(3);
      item.size = {line.at(4).get<int>(), line.at(5).get<int>()};
    }
  }
}

void answer_by_chance(std::vector<Answered>& items, uint32_t seed) {
  std::vector<Task> tasks;
  for (const Answered& item : items) tasks.push_back(item.question.task);
  const std::vector<size_t> others = draw_others(tasks, seed);
  for (size_t i = 0; i < items.size(); ++i) {
    const Answered& other = items[others[i]];
    items[i].chance_answer = true_answer(other.question, other.size);
  }
}

void score(Answered& item, bool with_blank) {
  item.score.task = item.question.task;
  item.score.model = score_prediction(item.question, item.prediction, item.size);
  item.score.chance = score_prediction(item.question, item.chance_answer, item.size);
  if (with_blank) item.score.blank = score_prediction(item.question, item.blank_prediction, item.size);
}

// All where none are named; each once.
std::vector<Task> resolve_tasks(const std::vector<Task>& tasks) {
  std::vector<Task> resolved;
  for (const Task task : tasks) {
    if (std::find(resolved.begin(), resolved.end(), task) == resolved.end()) resolved.push_back(task);
  }
  if (!resolved.empty()) return resolved;
  for (const TaskInfo& info : embedded_tasks()) resolved.push_back(info.task);
  return resolved;
}

}  // namespace

EvalPlan plan_evaluation(const EvalOptions& options) {
  EvalPlan plan{.tasks = resolve_tasks(options.tasks), .items = {}, .left_out = {}};
  data::OwnData data = data::read_own_data(options.data);
  const std::string file = data.file.string();
  const std::vector<data::Record> records = data::select_split(std::move(data), options.split);
  plan.num_pictures = static_cast<int64_t>(records.size());
  QuestionSet set =
      make_questions(records, {.tasks = plan.tasks, .max_per_task = options.max_per_task, .radius = options.radius});
  plan.left_out = std::move(set.left_out);
  for (Question& question : set.questions) {
    const std::filesystem::path image = question.record->images.front();
    question.record = nullptr;  // the records do not outlive this call
    plan.items.push_back({.question = std::move(question), .image = image});
  }
  if (plan.items.empty())
    throw Error(fmt::format("[eval] {}: no questions in split '{}'{}{}", file, options.split,
                            plan.left_out.empty() ? "" : ", got ", join_text(plan.left_out, ", ")));
  return plan;
}

EvalResult evaluate(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                    const EvalOptions& options, EvalPlan plan) {
  const auto start = std::chrono::steady_clock::now();
  EvalResult result{.scores = {}, .answers = std::move(plan.items), .num_pictures = plan.num_pictures};
  Asker asker(model, forward, options);
  asker.ask(result.answers, Pictures::kReal);
  if (options.with_blank) asker.ask(result.answers, Pictures::kBlank);
  exchange(result.answers, options.share);
  answer_by_chance(result.answers, options.seed);
  std::vector<QuestionScore> scores;
  for (Answered& item : result.answers) {
    score(item, options.with_blank);
    scores.push_back(item.score);
  }
  result.scores = summarize(scores, plan.tasks, options.seed);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

EvalResult evaluate(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                    const EvalOptions& options) {
  return evaluate(model, forward, options, plan_evaluation(options));
}

}  // namespace molmo::eval
