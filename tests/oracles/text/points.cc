// SPDX-License-Identifier: Apache-2.0
// Points to text and back (golden/text/points.jsonl).
#include "data/points.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/unicode_text.h"
#include "data/point_scanner.h"
#include "oracles/geometry_json.h"
#include "support/golden.h"

namespace molmo::data {
namespace {

using geometry::Box;
using geometry::Point;
using testing::GoldenCase;
using testing::GoldenRun;

// {"dtype": ..., "data": [[x, y], ...]} or a plain list (float64).
PointArray read_point_array(const Json& json) {
  const Json& values = json.is_object() ? json.at("data") : json;
  return {values.get<std::vector<Point>>(), json.is_object() && json.at("dtype") == "float32"};
}

ImageSize read_size(const Json& row) { return {row.at("image_size").at(0), row.at("image_size").at(1)}; }

std::optional<double> read_scale(const Json& row) {
  const Json& scale = row.at("point_scale");
  return scale.is_null() ? std::nullopt : std::optional(scale.get<double>());
}

void check_extraction(const Json& row, const std::string& id, GoldenCase& golden) {
  const std::string text = row.at("text");
  const ImageSize size = read_size(row);
  golden.expect_near(id + " points", flatten(extract_points(text, size)),
                     flatten(row.at("points").get<std::vector<Point>>()), 0.0, 1e-12);
  golden.expect_near(id + " boxes", flatten(extract_boxes(text, size)),
                     flatten(row.at("boxes").get<std::vector<Box>>()), 0.0, 1e-12);
  golden.expect_near(id + " count_points", flatten(extract_count_points(text, size)),
                     flatten(row.at("count_points").get<std::vector<Point>>()), 0.0, 1e-12);
}

void check_row(const Json& row, GoldenCase& golden) {
  const std::string op = row.at("op"), id = fmt::format("line {} ({})", row.at("id").dump(), op);
  if (op == "points_to_text") {
    const PointArray percent = to_percent(read_point_array(row.at("points")), read_scale(row), read_size(row));
    const std::string label = unicode::lower(row.at("label").get<std::string>());
    golden.expect_text(id, points_to_text(percent, row.at("style").get<std::string>(), label), row.at("text"));
  } else if (op == "annotate") {
    std::vector<PointAnnotation> annotations;
    for (const Json& json : row.at("annotations")) {
      annotations.push_back(
          {to_percent(read_point_array(json.at("points")), 100.0, {}), json.at("inline_text"), json.at("alt_text")});
    }
    golden.expect_text(id, fill_point_placeholders(row.at("answer").get<std::string>(), annotations), row.at("text"));
  } else if (op == "extract") {
    check_extraction(row, id, golden);
  } else {
    golden.fail(id + ": unknown op");
  }
}

GOLDEN_PART(points) {
  run.run_case("points", [&](GoldenCase& golden) {
    for_each_json_line(run.folder() / "points.jsonl", [&](size_t, const Json& row) { check_row(row, golden); });
  });
}

}  // namespace
}  // namespace molmo::data
