// SPDX-License-Identifier: Apache-2.0
#include "eval/make_report.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "data/point_reader.h"
#include "image/decode.h"
#include "image/draw.h"
#include "image/encode.h"
#include "molmo/error.h"

namespace molmo::eval {
namespace {

constexpr int kJpegQuality = 80;

std::vector<image::PointMark> marks(const std::vector<data::Point>& points) {
  std::vector<image::PointMark> result;
  for (const data::Point& point : points) result.push_back({point[0], point[1]});
  return result;
}

ReportPicture make_picture(const Answered& item, const DecodeLimits& limits) {
  const image::Picture picture = image::load_picture(item.image, limits);
  const image::PointGroup groups[] = {
      {.label = "", .points = marks(item.question.truth.points), .is_truth = true},
      {.label = "", .points = marks(data::read_points(item.reply, item.size)), .is_truth = false}};
  const image::Picture drawn = image::draw_points(picture, groups);
  const bool fits_jpeg = std::max(drawn.width, drawn.height) <= image::kLongestJpegSide;
  return {.data_uri = fits_jpeg ? "data:image/jpeg;base64," + encode_base64(image::encode_jpeg(drawn, kJpegQuality))
                                : "data:image/png;base64," + encode_base64(image::encode_png(drawn)),
          .question = std::string(trim_text(item.prompt)),
          .reply = item.reply,
          .truth = fmt::format("{} {}", item.question.truth.points.size(), item.question.label),
          .score = item.score.model};
}

}  // namespace

ReportCurve read_curve(const std::filesystem::path& run) {
  ReportCurve curve{.name = run.filename().string(), .points = {}};
  for_each_json_line(run / "metrics.jsonl", [&](size_t, const Json& line) {
    const auto step = line.find("step"), loss = line.find("cross_entropy");
    if (step == line.end() || !step->is_number() || loss == line.end())
      throw Error(fmt::format("[report] {}: a line without step and cross_entropy", (run / "metrics.jsonl").string()));
    if (loss->is_number())
      curve.points.emplace_back(step->get<double>(), loss->get<double>());  // null: it was not finite
  });
  return curve;
}

Report make_report(const EvalResult& result, const std::vector<ReportCurve>& curves,
                   std::vector<std::pair<std::string, std::string>> settings, const ReportPictures& pictures) {
  Report report{
      .title = "Molmo evaluation", .settings = std::move(settings), .scores = {}, .curves = curves, .pictures = {}};
  for (const TaskScore& score : result.scores) {
    const TaskInfo& info = task_info(score.task);
    report.scores.push_back({.name = std::string(info.metric),
                             .about = std::string(info.about),
                             .model = score.model,
                             .chance = score.chance,
                             .low = score.interval.low,
                             .high = score.interval.high,
                             .blank = score.blank,
                             .num_items = score.num_questions});
  }
  std::vector<const Answered*> pointing;
  for (const Answered& item : result.answers) {
    if (item.question.task == Task::kPointing && !item.question.truth.points.empty()) pointing.push_back(&item);
  }
  const size_t count = std::min(pictures.count, pointing.size());
  for (size_t i = 0; i < count; ++i)
    report.pictures.push_back(make_picture(*pointing[i * pointing.size() / count], pictures.limits));
  return report;
}

}  // namespace molmo::eval
