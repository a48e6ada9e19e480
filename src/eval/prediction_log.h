// Predictions on disk, so that an evaluation that was stopped can resume.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/json.h"
#include "data/points.h"

namespace molmo::eval {

/// What a question is asked about: its picture, or a blank one of the same size.
enum class Pictures { kReal, kBlank };

/// One prediction with what a reader of the file wants beside it.
struct LoggedPrediction {
  std::string key;  ///< hash of all that the prediction depends on besides the log's settings
  Pictures pictures = Pictures::kReal;
  data::ImageSize size;  ///< of the picture
  std::string text;
  std::string task, image, prompt, truth;  ///< for a reader; not read back
};

/// FOLDER/predictions.jsonl: a line of settings, then one line per prediction. A line is in the file when add()
/// returns. Without a folder the predictions are kept in memory alone.
class PredictionLog {
 public:
  /// Takes the file over, or begins it, and keeps other processes from it. The line that a stopped run was writing may
  /// be torn: it is cut off. Errors: a folder that another process evaluates into or that cannot be written; a file
  /// made with other settings (the first that differs is named), or one that is no list of predictions.
  PredictionLog(const std::filesystem::path& folder, const Json& settings);

  /// The last prediction under a key, or null.
  const LoggedPrediction* find(const std::string& key) const;
  /// Lines under a key: equal questions have a line each.
  size_t count(const std::string& key) const;
  /// Error if it cannot be written.
  void add(const LoggedPrediction& prediction);
  /// Makes what was added durable.
  void sync();

 private:
  struct Entry {
    LoggedPrediction last;
    size_t num_lines = 0;
  };
  void read(const Json& settings);
  bool read_line(std::string_view content, size_t number, bool is_last, const Json& settings);
  void read_prediction(const Json& line);
  void remember(const LoggedPrediction& prediction);

  std::map<std::string, Entry> entries_;
  std::filesystem::path path_;
  bool has_settings_ = false;
  std::unique_ptr<FileLock> lock_;
  std::optional<AppendFile> file_;
};

}  // namespace molmo::eval
