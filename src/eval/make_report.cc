// SPDX-License-Identifier: Apache-2.0
#include "eval/make_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "data/point_reader.h"
#include "eval/picture_uri.h"
#include "eval/scoring.h"
#include "image/decode.h"
#include "molmo/error.h"

namespace molmo::eval {
namespace {

constexpr size_t kMostLabels = 30;  // in the table
bool is_full_score(const Answered& item) { return item.score.model >= 0.9995; }

// Evenly spread; where all of these are right or all are not, the last one gives way to one of the other kind.
std::vector<const Answered*> choose_examples(const std::vector<const Answered*>& items, size_t most) {
  std::vector<const Answered*> chosen;
  const size_t count = std::min(most, items.size());
  for (size_t i = 0; i < count; ++i) chosen.push_back(items[i * items.size() / count]);
  if (count < 2) return chosen;
  const auto is_other = [&](const Answered* item) { return is_full_score(*item) != is_full_score(*chosen.front()); };
  if (std::none_of(chosen.begin(), chosen.end(), is_other)) {
    const auto other = std::find_if(items.begin(), items.end(), is_other);
    if (other != items.end()) chosen.back() = *other;
  }
  return chosen;
}

void add_marks(const Answered& item, ReportExample& example) {
  using Kind = ReportMark::Kind;
  const Task task = item.question.task;
  if (task != Task::kPointing && task != Task::kAbsence) {
    for (const geometry::Point& point : data::read_points(item.prediction, item.size))
      example.marks.push_back({point.x, point.y, Kind::kPlain});
    return;
  }
  const PointMatch match = match_points(item.question, item.prediction, item.size);
  for (size_t i = 0; i < match.truth.size(); ++i) {
    if (!match.is_found[i]) example.marks.push_back({match.truth[i].x, match.truth[i].y, Kind::kMissed});
  }
  for (size_t i = 0; i < match.predicted.size(); ++i)
    example.marks.push_back({match.predicted[i].x, match.predicted[i].y, match.is_hit[i] ? Kind::kHit : Kind::kWrong});
  example.boxes = item.question.truth.boxes;
}

std::string truth_text(const Question& question) {
  switch (question.task) {
    case Task::kPointing:
      return fmt::format("{} {}", question.truth.points.size(), question.label);
    case Task::kAbsence:
      return "no " + question.label;
    case Task::kCounting:
      return std::to_string(question.truth.count);
    default:
      return join_text(question.truth.answers, " or ");
  }
}

ReportExample make_example(const Answered& item, const DecodeLimits& limits) {
  const image::Picture picture = image::load_picture(item.image, limits);
  ReportExample example{.data_uri = picture_uri(picture),
                        .width = picture.width,
                        .height = picture.height,
                        .marks = {},
                        .boxes = {},
                        .question = plain_question(item.prompt, item.question.message.style.value_or("")),
                        .truth = truth_text(item.question),
                        .prediction = text_pieces(item.prediction),
                        .score = item.score.model};
  add_marks(item, example);
  return example;
}

ReportScore score_row(const TaskScore& score) {
  const TaskInfo& info = task_info(score.task);
  return {.task = std::string(info.name),
          .metric = std::string(info.metric),
          .about = std::string(info.about),
          .model = score.model,
          .chance = score.chance,
          .low = score.interval.low,
          .high = score.interval.high,
          .blank = score.blank,
          .num_items = score.num_questions};
}

}  // namespace

ReportCurve read_curve(const std::filesystem::path& run) {
  ReportCurve curve{.name = run.filename().string(), .points = {}};
  if (curve.name.empty()) curve.name = run.parent_path().filename().string();  // "runs/sft/"
  const std::filesystem::path file = run / "metrics.jsonl";
  if (!std::filesystem::exists(file))
    throw Error(fmt::format("[report] --curves {}: no metrics.jsonl there, expected a run folder", run.string()));
  for_each_json_line(file, [&](size_t, const Json& line) {
    const auto step = line.find("step"), loss = line.find("cross_entropy");
    if (step == line.end() || !step->is_number() || loss == line.end())
      throw Error(fmt::format("[report] {}: a line without step and cross_entropy", file.string()));
    if (loss->is_number())
      curve.points.emplace_back(step->get<double>(), loss->get<double>());  // null: it was not finite
  });
  return curve;
}

void add_results(Report& report, const EvalResult& result, const ReportPictures& pictures) {
  report.labels = tabulate_labels(result.answers, kMostLabels);
  for (const TaskScore& score : result.scores) {
    report.scores.push_back(score_row(score));
    std::vector<const Answered*> items;
    for (const Answered& item : result.answers) {
      if (item.question.task == score.task) items.push_back(&item);
    }
    const std::vector<const Answered*> chosen = choose_examples(items, pictures.count);
    if (chosen.empty()) continue;
    ReportTask task{.name = report.scores.back().task,
                    .about = fmt::format("{} of {} questions, spread over the split", chosen.size(), items.size()),
                    .examples = {}};
    for (const Answered* item : chosen) task.examples.push_back(make_example(*item, pictures.limits));
    report.tasks.push_back(std::move(task));
  }
}

}  // namespace molmo::eval
