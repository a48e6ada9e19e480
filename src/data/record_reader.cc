// SPDX-License-Identifier: Apache-2.0
#include "data/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace molmo::data {
namespace {

namespace fs = std::filesystem;

constexpr double kAnyPixel = 1e6;           // no picture is wider
constexpr geometry::Point kRounding{1, 1};  // of pixels, by which a point may lie beyond its box

std::string required_text(const ObjectReader& object, const char* key) {
  if (!object.require(key, "text")) return "";
  const std::optional<std::string> value = object.text(key);
  if (value && value->empty()) object.report(key, "got an empty text");
  return value.value_or("");
}

// Not a number throughout where the value is refused: what depends on it is then not refused a second time.
template <size_t N>
std::array<double, N> read_tuple(const ObjectReader& object, const std::string& key, const Json& value, double max) {
  std::array<double, N> out{};
  bool is_good = value.is_array() && value.size() == N;
  for (size_t i = 0; is_good && i < N; ++i) {
    is_good = value[i].is_number() && value[i].get<double>() >= 0 && value[i].get<double>() <= max;
    if (is_good) out[i] = value[i].get<double>();
  }
  if (!is_good) {
    object.report_value(key, value, fmt::format("{} numbers from 0 to {}", N, max));
    out.fill(std::numeric_limits<double>::quiet_NaN());
  }
  return out;
}

geometry::Point read_point(const ObjectReader& object, const std::string& key, const Json& value, double max) {
  const auto [x, y] = read_tuple<2>(object, key, value, max);
  return {x, y};
}

geometry::Box read_box(const ObjectReader& object, const std::string& key, const Json& value) {
  const auto [x0, y0, x1, y1] = read_tuple<4>(object, key, value, kAnyPixel);
  return {x0, y0, x1, y1};
}

// "pixel" or "percent"; `inherited` where the key is absent.
bool read_is_percent(const ObjectReader& object, bool inherited) {
  const std::optional<std::string> unit = object.text("unit");
  if (!unit) return inherited;
  if (*unit != "percent" && *unit != "pixel") {
    object.report("unit", fmt::format("got '{}', expected 'pixel' or 'percent'", *unit));
  }
  return *unit == "percent";
}

bool expect_corners(const ObjectReader& object, const std::string& key, const geometry::Box& box) {
  if (std::isnan(box.x0)) return false;
  const bool is_good = box.x0 <= box.x1 && box.y0 <= box.y1;
  if (!is_good) object.report(key, "expected x0 <= x1 and y0 <= y1");
  return is_good;
}

QaEntry read_qa(const ObjectReader& object) {
  object.expect_keys({"q", "a", "style"});
  QaEntry entry{.question = required_text(object, "q"), .answers = object.texts("a", /*allow_single=*/true)};
  if (object.require("a", "text") && entry.answers.empty()) object.report("a", "expected at least one answer");
  if (object.has("style")) entry.style = required_text(object, "style");
  return entry;
}

void read_boxes(const ObjectReader& object, PointsEntry& entry) {
  const Json* boxes = object.list("boxes");
  for (size_t i = 0; boxes && i < boxes->size(); ++i)
    entry.boxes.push_back(read_box(object, fmt::format("boxes[{}]", i), (*boxes)[i]));
  if (entry.boxes.size() != entry.points.size()) {
    return object.report("boxes", fmt::format("got {}, expected one for each of the {} points", entry.boxes.size(),
                                              entry.points.size()));
  }
  for (size_t i = 0; i < entry.boxes.size(); ++i) {
    const std::string key = fmt::format("boxes[{}]", i);
    if (!expect_corners(object, key, entry.boxes[i]) || entry.is_percent) continue;
    if (std::isnan(entry.points[i].x) || contains(entry.boxes[i], entry.points[i], kRounding)) continue;
    object.report(key, fmt::format("got {}, which does not hold its point {}", to_text(entry.boxes[i]),
                                   to_text(entry.points[i])));
  }
}

PointsEntry read_points(const ObjectReader& object, bool is_percent) {
  object.expect_keys({"label", "points", "boxes", "unit"});
  PointsEntry entry;
  entry.label = required_text(object, "label");
  entry.is_percent = read_is_percent(object, is_percent);
  object.require("points", "a list (empty: the picture holds none)");
  const Json* points = object.list("points");
  for (size_t i = 0; points && i < points->size(); ++i) {
    entry.points.push_back(
        read_point(object, fmt::format("points[{}]", i), (*points)[i], entry.is_percent ? 100.0 : kAnyPixel));
  }
  if (object.has("boxes")) read_boxes(object, entry);
  return entry;
}

CountEntry read_count(const ObjectReader& object) {
  object.expect_keys({"label", "count"});
  CountEntry entry{.label = required_text(object, "label")};
  if (object.require("count", "an integer")) entry.count = object.integer("count", 0).value_or(0);
  return entry;
}

ChoiceEntry read_choice(const ObjectReader& object) {
  object.expect_keys({"q", "options", "answer", "style"});
  ChoiceEntry entry{.question = required_text(object, "q"), .options = object.texts("options")};
  if (entry.options.size() < 2 || entry.options.size() > 7) {
    object.report("options", fmt::format("got {}, expected 2 to 7 texts", entry.options.size()));
    return entry;
  }
  const auto last = static_cast<int64_t>(entry.options.size()) - 1;
  if (object.require("answer", "an integer"))
    entry.answer = static_cast<int>(object.integer("answer", 0, last).value_or(0));
  if (object.has("style")) entry.style = required_text(object, "style");
  return entry;
}

ObjectEntry read_object(const ObjectReader& object) {
  object.expect_keys({"kind", "box"});
  ObjectEntry entry{.kind = required_text(object, "kind"), .box = {}};
  if (const Json* box = object.require("box", "4 numbers")) entry.box = read_box(object, "box", *box);
  expect_corners(object, "box", entry.box);
  return entry;
}

// Reports what is no picture file by its name and size; what it holds is seen when it is decoded.
void read_image(const ObjectReader& object, const std::string& key, const std::string& name, const fs::path& folder,
                const std::function<void(int64_t)>& on_picture, Record& record) {
  if (name.find('\0') != name.npos) return object.report(key, "the file name holds a zero character");
  record.images.push_back(folder / name);
  std::error_code error;
  const auto num_bytes = fs::file_size(record.images.back(), error);
  if (error || num_bytes == 0) {
    const char* what = error ? "no such picture" : "an empty file";
    return object.report(key, fmt::format("{}: {}", what, record.images.back().string()));
  }
  on_picture(static_cast<int64_t>(num_bytes));
}

void read_images(const ObjectReader& object, const fs::path& folder, const std::function<void(int64_t)>& on_picture,
                 Record& record) {
  const bool is_single = object.has("image");
  if (is_single == object.has("images"))
    return object.report("image", is_single ? "expected either 'image' or 'images'" : "missing, expected a file name");
  const char* key = is_single ? "image" : "images";
  const auto names = is_single ? std::vector<std::string>{required_text(object, key)} : object.texts(key);
  if (names.empty()) object.report(key, "expected at least one file name");
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string path = is_single ? key : fmt::format("{}[{}]", key, i);
    if (!names[i].empty())
      read_image(object, path, names[i], folder, on_picture, record);
    else if (!is_single)  // of a single picture reported already
      object.report(path, "got \"\", expected a file name");
  }
}

// What one key alone can't tell.
void check_record(const ObjectReader& object, const Record& record) {
  const bool has_places = !record.points.empty() || !record.objects.empty();
  if (record.images.size() > 1 && has_places) object.report("images", "points and objects need a single picture");
  for (size_t i = 0; i < record.counts.size(); ++i) {
    for (const PointsEntry& points : record.points) {
      const int64_t num_points = static_cast<int64_t>(points.points.size());
      if (points.label != record.counts[i].label || num_points == record.counts[i].count) continue;
      object.report(fmt::format("counts[{}].count", i),
                    fmt::format("got {}, but '{}' has {} points", record.counts[i].count, points.label, num_points));
    }
  }
}

}  // namespace

Record read_record(const Json& json, const fs::path& folder, const JsonRules& rules,
                   const std::function<void(int64_t)>& on_picture) {
  Record record;
  const ObjectReader object(json, rules);
  if (!json.is_object()) return record;
  object.expect_keys(
      {"image", "images", "caption", "transcripts", "qa", "points", "counts", "choices", "objects", "split", "unit"});
  read_images(object, folder, on_picture, record);
  if (object.has("split")) record.split = required_text(object, "split");
  if (object.has("caption")) record.caption = required_text(object, "caption");
  record.transcripts = object.texts("transcripts");
  const bool is_percent = read_is_percent(object, false);
  for (const ObjectReader& entry : object.objects("qa")) record.qa.push_back(read_qa(entry));
  for (const ObjectReader& entry : object.objects("points")) record.points.push_back(read_points(entry, is_percent));
  for (const ObjectReader& entry : object.objects("counts")) record.counts.push_back(read_count(entry));
  for (const ObjectReader& entry : object.objects("choices")) record.choices.push_back(read_choice(entry));
  for (const ObjectReader& entry : object.objects("objects")) record.objects.push_back(read_object(entry));
  check_record(object, record);
  return record;
}

}  // namespace molmo::data
