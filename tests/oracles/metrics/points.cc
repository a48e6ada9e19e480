// SPDX-License-Identifier: Apache-2.0
// Points: extraction, boxes, the pointing score and its evaluator.
#include "data/points.h"

#include <algorithm>
#include <map>

#include "data/point_scanner.h"
#include "metrics/average.h"
#include "metrics/point_reply.h"
#include "metrics/pointing.h"
#include "oracles/geometry_json.h"
#include "oracles/metrics/lines.h"

namespace molmo::metrics {
namespace {

using geometry::Box;
using geometry::Point;

std::vector<double> flatten(const Json& rows) {
  std::vector<double> values;
  for (const Json& row : rows) {
    for (const Json& value : row) values.push_back(read_number(value));
  }
  return values;
}

data::ImageSize read_size(const Json& row) { return {row.at("image_size").at(0), row.at("image_size").at(1)}; }

std::vector<Mask> read_masks(const Json& row) {
  std::vector<Mask> masks;
  for (const Json& mask : row.at("masks")) {
    masks.push_back(decode_run_lengths(mask.at("size").at(1), mask.at("size").at(0),
                                       mask.at("counts").get<std::vector<int64_t>>()));
  }
  return masks;
}

std::vector<Point> read_points(const Json& points) { return points.get<std::vector<Point>>(); }

GOLDEN_LINES(extract_points) {
  const std::string text = row.at("text");
  golden.expect_near(id + " points", flatten(data::extract_points(text, read_size(row))), flatten(row.at("points")),
                     0.0, 1e-12);
  golden.expect_near(id + " boxes", flatten(data::extract_boxes(text, read_size(row))), flatten(row.at("boxes")), 0.0,
                     1e-12);
  golden.expect_equal(id + " valid_format", is_point_reply(text), row.at("valid_format").get<bool>());
}

GOLDEN_LINES(count_points) {
  golden.expect_near(id, flatten(data::extract_count_points(row.at("text").get<std::string>(), read_size(row))),
                     flatten(row.at("points")), 0.0, 1e-12);
}

GOLDEN_LINES(boxes) {
  const std::vector<Box> boxes = data::extract_boxes(row.at("prediction").get<std::string>(), read_size(row));
  golden.expect_equal(id + " valid", !boxes.empty(), row.at("valid").get<bool>());
  double iou = 0.0;
  if (!boxes.empty()) {
    const auto [x, y, width, height] = row.at("reference_xywh").get<std::array<double, 4>>();
    golden.expect_near(id + " box", flatten(std::vector{boxes[0]}), row.at("box").get<std::vector<double>>(), 0.0,
                       1e-12);
    iou = box_iou(boxes[0], {x, y, x + width, y + height});
  }
  expect_score(golden, id + " iou", iou, row.at("iou"));
  golden.expect_equal(id + " acc", iou > 0.5, row.at("acc").get<bool>());
}

void expect_pointing(GoldenCase& golden, const std::string& id, const PointingScore& got, const Json& expected) {
  if (expected.contains("cost"))
    golden.expect_near(id + " cost", got.cost, read_number(expected.at("cost")), 1e-9, 1e-12);
  if (expected.contains("assignment") && expected.value("unique", false)) {
    golden.expect_equal(id + " assignment", got.assignment,
                        expected.at("assignment").get<std::vector<std::pair<size_t, size_t>>>());
  }
  if (!expected.value("score_unique", true)) return;  // several optimal assignments, with different scores
  expect_score(golden, id + " precision", got.precision, expected.at("precision"));
  expect_score(golden, id + " recall", got.recall, expected.at("recall"));
  expect_score(golden, id + " f1", got.f1, expected.at("f1"));
}

GOLDEN_LINES(pointing) {
  const std::string reply = row.at("prediction");
  const std::vector<Point> predicted = data::extract_points(reply, read_size(row));
  const bool is_valid = is_point_reply(reply);
  const std::vector<Mask> masks = read_masks(row);
  golden.expect_near(id + " points", flatten(predicted), flatten(row.at("predicted_pixel")), 0.0, 1e-12);
  golden.expect_equal(id + " valid_format", is_valid, row.at("valid_format").get<bool>());
  const auto check = [&](const char* key, const char* references, ScoringMode mode) {
    const Json& expected = row.at(key);
    const auto run = [&] { return pointing_score(predicted, is_valid, read_points(row.at(references)), masks, mode); };
    const std::string what = id + " " + key;
    if (expected.contains("raises")) return golden.expect_error(what, [&] { run(); });
    expect_pointing(golden, what, run(), expected);
  };
  check("reference", "points_percent", ScoringMode::kReference);
  check("reference_pixel", "points_pixel", ScoringMode::kReference);
  check("fixed", "points_pixel", ScoringMode::kFixed);
}

GOLDEN_LINES(pointing_eval) {
  std::map<std::string, std::vector<double>> scores;
  for (const Json& example : row.at("examples")) {
    const std::string reply = example.at("prediction");
    const PointingScore score = pointing_score(data::extract_points(reply, read_size(example)), is_point_reply(reply),
                                               read_points(example.at("points_percent")), read_masks(example));
    // Null marks a prompt that had no letter to lower: it stands for both spellings.
    const Json lowered = example.value("was_lowered", Json(false));
    for (const auto& [key, value] :
         {std::pair("precision", score.precision), {"recall", score.recall}, {"f1", score.f1}}) {
      if (lowered != true) scores[key].push_back(value);
      if (lowered != false) scores[std::string(key) + "_lower"].push_back(value);
    }
  }
  for (const auto& [key, expected] : row.at("metrics").items()) {
    expect_mean(golden, id + " " + key, mean_score(scores[key]), expected);
  }
}

}  // namespace
}  // namespace molmo::metrics
