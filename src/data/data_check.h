// A look at own data before a model is trained on them or evaluated: every picture, and what the annotations add up to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/own_data.h"
#include "molmo/decode_limits.h"

namespace molmo::data {

/// What the records of a split hold.
struct SplitCounts {
  int64_t records = 0, pictures = 0;
  int64_t captions = 0, transcripts = 0, questions = 0, choices = 0, objects = 0, counts = 0;
  int64_t point_lists = 0, points = 0, boxes = 0;  ///< lists with points, and the points and boxes in them
  int64_t absences = 0;                            ///< empty lists
};

/// How often a label is pointed at.
struct LabelCounts {
  int64_t records = 0, points = 0, absences = 0;
};

struct DataCheck {
  std::string file;  ///< data.jsonl
  int64_t picture_bytes = 0;
  std::map<std::string, SplitCounts> splits;
  std::map<std::string, LabelCounts> labels;
  std::vector<std::string> remarks;   ///< what is allowed but seldom meant
  std::vector<std::string> problems;  ///< "line 12: ...": pictures that cannot be read, places outside of them
};

struct DataCheckOptions {
  bool decodes = false;  ///< every picture whole; else its header
  DecodeLimits limits;
};

/// Looks at all pictures, with all cores.
DataCheck check_data(const OwnData& data, const DataCheckOptions& options);

/// Tables of splits and of the most frequent labels, and the remarks; without the problems.
std::string format_check(const DataCheck& check);
Json to_json(const DataCheck& check);

}  // namespace molmo::data
