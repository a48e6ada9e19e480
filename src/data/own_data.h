// The own-data format: a folder with data.jsonl and pictures beside it, one picture (or group of pictures) per line.
// docs/data.md lists the keys. Every problem of a file is reported at once, each with its line and key.
//
//   {"image": "img/1.jpg", "caption": "...", "transcripts": ["..."]}
//   {"image": "img/2.jpg", "points": [{"label": "dogs", "points": [[412, 88], [97, 301]]}], "unit": "pixel"}
//   {"image": "img/3.jpg", "qa": [{"q": "...", "a": "...", "style": "short_answer"}], "split": "validation"}
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/fingerprint.h"
#include "data/points.h"

namespace molmo::data {

inline constexpr std::string_view kShortAnswerStyle = "short_answer";        ///< of a question without a style
inline constexpr std::string_view kMultipleChoiceStyle = "multiple_choice";  ///< of choices without a style

struct QaEntry {
  std::string question;
  std::vector<std::string> answers;  ///< one, or those of several annotators
  std::string style{kShortAnswerStyle};
};

struct PointsEntry {
  std::string label;
  std::vector<geometry::Point> points;  ///< empty: the picture holds none
  std::vector<geometry::Box> boxes;     ///< parallel to the points, pixels; or empty. Used for scoring only
  bool is_percent = false;              ///< else pixels
};

struct CountEntry {
  std::string label;
  int64_t count = 0;
};

struct ChoiceEntry {
  std::string question;
  std::vector<std::string> options;
  int answer = 0;  ///< index of the right option
  std::string style{kMultipleChoiceStyle};
};

/// A thing in the picture, for training the tower alone.
struct ObjectEntry {
  std::string kind;
  geometry::Box box;  ///< pixels
};

/// One line of data.jsonl.
struct Record {
  size_t line = 0;  ///< 1-based
  std::vector<std::filesystem::path> images;
  std::string split = "train";
  std::optional<std::string> caption;
  std::vector<std::string> transcripts;
  std::vector<QaEntry> qa;
  std::vector<PointsEntry> points;
  std::vector<CountEntry> counts;
  std::vector<ChoiceEntry> choices;
  std::vector<ObjectEntry> objects;
};

struct OwnData {
  std::filesystem::path file;  ///< .../data.jsonl
  std::vector<Record> records;
  Fingerprint fingerprint;
  std::vector<std::string> remarks;  ///< sentences on what is allowed but seldom meant

  /// "folder/data.jsonl:12", for errors about one record.
  std::string where(const Record& record) const;
};

/// Reads `folder`/data.jsonl (or that file itself).
/// Errors: all problems together (the first 20 in full): no JSON, keys twice or unknown, wrong types, missing pictures,
/// counts that contradict their points, boxes without their point, values out of range, no records; and text that is
/// not UTF-8.
OwnData read_own_data(const std::filesystem::path& folder);

/// The same from the text of a file that is named `file`.
OwnData parse_own_data(const std::string& text, const std::filesystem::path& file);

/// The records of one split, in file order. Error, naming the splits there are, if it has none.
std::vector<Record> select_split(OwnData data, const std::string& split);

}  // namespace molmo::data
