// SPDX-License-Identifier: Apache-2.0
#include "eval/prediction_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::eval {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<FileLock> lock_folder(const fs::path& folder) {
  std::unique_ptr<FileLock> lock = FileLock::try_take(folder / "predictions.lock");
  if (lock) return lock;
  throw Error(fmt::format("[eval] {} is in use by another evaluation, expected one at a time", folder.string()));
}

std::string value_at(const Json& settings, const Json::json_pointer& place) {
  return settings.contains(place) ? brief(settings.at(place)) : "absent";
}

// The file must be one that this run would have made.
void expect_settings(const Json& line, const Json& settings, const fs::path& path) {
  if (!line.is_object() || !line.contains("settings"))
    throw Error(
        fmt::format("[eval] {}: begins without settings, expected a file that molmo eval wrote", path.string()));
  const Json& before = line.at("settings");
  const Json differences = Json::diff(before, settings);
  if (differences.empty()) return;
  const std::string place = differences.at(0).at("path").get<std::string>();
  const Json::json_pointer pointer(place);
  throw Error(fmt::format("[eval] {}: made with other settings: {} was {}, is {}; expected a new folder for --out",
                          path.string(), place.empty() ? "all" : place.substr(1), value_at(before, pointer),
                          value_at(settings, pointer)));
}

Json line_of(const LoggedPrediction& prediction) {
  return {{"key", prediction.key},
          {"task", prediction.task},
          {"image", prediction.image},
          {"blank", prediction.pictures == Pictures::kBlank},
          {"size", {prediction.size.width, prediction.size.height}},
          {"prompt", prediction.prompt},
          {"truth", prediction.truth},
          {"reply", prediction.text}};
}

}  // namespace

PredictionLog::PredictionLog(const fs::path& folder, const Json& settings) {
  if (folder.empty()) return;
  fs::create_directories(folder);
  path_ = folder / "predictions.jsonl";
  lock_ = lock_folder(folder);
  if (fs::exists(path_)) read(settings);
  file_.emplace(path_);
  if (!has_settings_) file_->append(format_json_line(Json{{"settings", settings}}) + "\n");
}

const LoggedPrediction* PredictionLog::find(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second.last;
}

size_t PredictionLog::count(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.num_lines;
}

void PredictionLog::add(const LoggedPrediction& prediction) {
  if (file_) file_->append(format_json_line(line_of(prediction)) + "\n");
  remember(prediction);
}

void PredictionLog::sync() {
  if (file_) file_->sync();
}

void PredictionLog::remember(const LoggedPrediction& prediction) {
  Entry& entry = entries_[prediction.key];
  entry.last = prediction;
  ++entry.num_lines;
}

void PredictionLog::read(const Json& settings) {
  const std::string text = read_text_file(path_);
  size_t number = 0, end_of_good = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = trim_text(std::string_view(text).substr(begin, end - begin));
    begin = std::min(end + 1, text.size());
    ++number;
    if (!content.empty() && !read_line(content, number, end == text.size(), settings)) break;
    end_of_good = begin;
  }
  if (!has_settings_) end_of_good = 0;
  if (end_of_good < text.size()) fs::resize_file(path_, end_of_good);
  if (end_of_good > 0 && text[end_of_good - 1] != '\n') AppendFile(path_).append("\n");
}

// Returns false for the last line of a file where it is torn.
bool PredictionLog::read_line(std::string_view content, size_t number, bool is_last, const Json& settings) {
  const std::string where = fmt::format("{}:{}", path_.string(), number);
  Json line;
  try {
    line = parse_json(content, where);
  } catch (const Error&) {
    if (!is_last) throw;
    log_warning(fmt::format("[eval] {}: a torn line, left out", where));
    return false;
  }
  if (!has_settings_) {
    expect_settings(line, settings, path_);
    return has_settings_ = true;
  }
  try {
    return read_prediction(line), true;
  } catch (const Json::exception&) {
    throw Error(fmt::format("[eval] {}: not a line of predictions: {}", where, clip_text(content, 80)));
  }
}

void PredictionLog::read_prediction(const Json& line) {
  constexpr int kLongestSide = 1'000'000;
  const int width = line.at("size").at(0).get<int>(), height = line.at("size").at(1).get<int>();
  if (std::min(width, height) < 1 || std::max(width, height) > kLongestSide)
    throw Error(fmt::format("[eval] {}: a picture of {} x {} pixels, expected 1 to {} on a side", path_.string(), width,
                            height, kLongestSide));
  remember({.key = line.at("key").get<std::string>(),
            .pictures = line.at("blank").get<bool>() ? Pictures::kBlank : Pictures::kReal,
            .size = {width, height},
            .text = line.at("reply").get<std::string>(),
            .task = {},
            .image = {},
            .prompt = {},
            .truth = {}});
}

}  // namespace molmo::eval
