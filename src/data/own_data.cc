// SPDX-License-Identifier: Apache-2.0
#include "data/own_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "data/json_checker.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

namespace fs = std::filesystem;

constexpr double kAnyPixel = 1e6;  // no picture is wider

// "pixel" or "percent"; `inherited` where the key is absent.
bool read_is_percent(const ObjectChecker& object, bool inherited) {
  const std::optional<std::string> unit = object.text("unit");
  if (!unit) return inherited;
  if (*unit != "percent" && *unit != "pixel") {
    object.add_problem("unit", fmt::format("got '{}', expected 'pixel' or 'percent'", *unit));
  }
  return *unit == "percent";
}

void expect_corners(const ObjectChecker& object, const std::string& key, const Box& box) {
  if (box[0] > box[2] || box[1] > box[3]) object.add_problem(key, "expected x0 <= x1 and y0 <= y1");
}

QaEntry read_qa(const ObjectChecker& object) {
  object.expect_keys({"q", "a", "style"});
  QaEntry entry{.question = object.required_text("q"), .answers = object.texts("a", /*allow_single=*/true)};
  if (!object.has("a")) object.add_problem("a", "missing, expected text");
  if (object.has("a") && entry.answers.empty()) object.add_problem("a", "expected at least one answer");
  if (object.has("style")) entry.style = object.required_text("style");
  return entry;
}

PointsEntry read_points(const ObjectChecker& object, bool is_percent) {
  object.expect_keys({"label", "points", "boxes", "unit"});
  PointsEntry entry;
  entry.label = object.required_text("label");
  entry.is_percent = read_is_percent(object, is_percent);
  if (!object.has("points")) object.add_problem("points", "missing, expected a list (empty: the picture holds none)");
  entry.points = object.tuples<2>("points", entry.is_percent ? 100.0 : kAnyPixel);
  entry.boxes = object.tuples<4>("boxes", kAnyPixel);
  if (object.has("boxes") && entry.boxes.size() != entry.points.size()) {
    object.add_problem("boxes", fmt::format("got {}, expected one for each of the {} points", entry.boxes.size(),
                                            entry.points.size()));
  }
  for (size_t i = 0; i < entry.boxes.size(); ++i) expect_corners(object, fmt::format("boxes[{}]", i), entry.boxes[i]);
  return entry;
}

CountEntry read_count(const ObjectChecker& object) {
  object.expect_keys({"label", "count"});
  return {.label = object.required_text("label"), .count = object.required_integer("count", 0)};
}

ChoiceEntry read_choice(const ObjectChecker& object) {
  object.expect_keys({"q", "options", "answer", "style"});
  ChoiceEntry entry{.question = object.required_text("q"), .options = object.texts("options")};
  if (entry.options.size() < 2 || entry.options.size() > 7) {
    object.add_problem("options", fmt::format("got {}, expected 2 to 7 texts", entry.options.size()));
    return entry;
  }
  entry.answer = static_cast<int>(object.required_integer("answer", 0, static_cast<int64_t>(entry.options.size()) - 1));
  if (object.has("style")) entry.style = object.required_text("style");
  return entry;
}

ObjectEntry read_object(const ObjectChecker& object) {
  object.expect_keys({"kind", "box"});
  ObjectEntry entry{.kind = object.required_text("kind"), .box = object.required_tuple<4>("box", kAnyPixel)};
  expect_corners(object, "box", entry.box);
  return entry;
}

void read_images(const ObjectChecker& object, const fs::path& folder, Record& record) {
  if (object.has("image") == object.has("images")) {
    return object.add_problem(
        "image", object.has("image") ? "expected either 'image' or 'images'" : "missing, expected a file name");
  }
  const char* key = object.has("image") ? "image" : "images";
  const bool is_single = object.has("image");
  const auto names = is_single ? std::vector<std::string>{object.required_text(key)} : object.texts(key);
  if (names.empty()) object.add_problem(key, "expected at least one file name");
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) {  // of a single picture reported already
      if (!is_single) object.add_problem(fmt::format("{}[{}]", key, i), "got \"\", expected a file name");
      continue;
    }
    record.images.push_back(folder / names[i]);
    std::error_code error;
    if (fs::is_regular_file(record.images.back(), error)) continue;
    object.add_problem(is_single ? key : fmt::format("{}[{}]", key, i),
                       fmt::format("no such picture: {}", record.images.back().string()));
  }
}

// What one key alone can't tell.
void check_record(const ObjectChecker& object, const Record& record) {
  const bool has_places = !record.points.empty() || !record.objects.empty();
  if (record.images.size() > 1 && has_places) object.add_problem("images", "points and objects need a single picture");
  for (size_t i = 0; i < record.counts.size(); ++i) {
    for (const PointsEntry& points : record.points) {
      const int64_t num_points = static_cast<int64_t>(points.points.size());
      if (points.label != record.counts[i].label || num_points == record.counts[i].count) continue;
      object.add_problem(
          fmt::format("counts[{}].count", i),
          fmt::format("got {}, but '{}' has {} points", record.counts[i].count, points.label, num_points));
    }
  }
}

Record read_record(const Json& json, size_t line, const fs::path& folder, ProblemList& problems) {
  Record record;
  record.line = line;
  const ObjectChecker object(json, "", line, problems);
  if (!json.is_object()) return record;
  object.expect_keys(
      {"image", "images", "caption", "transcripts", "qa", "points", "counts", "choices", "objects", "split", "unit"});
  read_images(object, folder, record);
  if (object.has("split")) record.split = object.required_text("split");
  if (object.has("caption")) record.caption = object.required_text("caption");
  record.transcripts = object.texts("transcripts");
  const bool is_percent = read_is_percent(object, false);
  for (const ObjectChecker& entry : object.objects("qa")) record.qa.push_back(read_qa(entry));
  for (const ObjectChecker& entry : object.objects("points")) record.points.push_back(read_points(entry, is_percent));
  for (const ObjectChecker& entry : object.objects("counts")) record.counts.push_back(read_count(entry));
  for (const ObjectChecker& entry : object.objects("choices")) record.choices.push_back(read_choice(entry));
  for (const ObjectChecker& entry : object.objects("objects")) record.objects.push_back(read_object(entry));
  check_record(object, record);
  return record;
}

void read_line(std::string_view text, size_t line, const fs::path& folder, ProblemList& problems,
               std::vector<Record>& records) {
  try {
    records.push_back(read_record(parse_json(text, "line"), line, folder, problems));
  } catch (const Error& error) {
    const std::string_view what = error.what();
    const size_t at = what.find("not valid JSON");
    problems.add(line, "", std::string(at == std::string_view::npos ? what : what.substr(at)));
  }
}

}  // namespace

std::string OwnData::where(const Record& record) const { return fmt::format("{}:{}", file.string(), record.line); }

OwnData read_own_data(const fs::path& folder) {
  OwnData data;
  data.file = fs::is_directory(folder) ? folder / "data.jsonl" : folder;
  const std::string text = read_text_file(data.file);
  ProblemList problems;
  size_t line = 0;
  for (const std::string& content : split_text(text, '\n')) {
    ++line;
    if (!trim_text(content).empty()) read_line(content, line, data.file.parent_path(), problems, data.records);
  }
  problems.throw_if_any(data.file.string());
  if (data.records.empty()) throw Error(fmt::format("[data] {}: no records", data.file.string()));
  return data;
}

std::vector<Record> select_split(const OwnData& data, const std::string& split) {
  std::vector<Record> records;
  std::set<std::string> splits;
  for (const Record& record : data.records) {
    splits.insert(record.split);
    if (record.split == split) records.push_back(record);
  }
  if (!records.empty()) return records;
  throw Error(fmt::format("[data] {}: no record of split '{}', got {}", data.file.string(), split,
                          join_text({splits.begin(), splits.end()}, ", ")));
}

}  // namespace molmo::data
