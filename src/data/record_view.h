// One record of own data as a person reads it: its picture's size, its annotations, and the prompts and answers that a
// training stage makes of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/train_config.h"
#include "data/own_data.h"
#include "data/prompt_formatter.h"

namespace molmo::data {

struct RecordView {
  std::string where;  ///< "folder/data.jsonl:12"
  Record record;
  ImageSize size;                                          ///< of the first picture
  std::vector<std::pair<std::string, std::string>> turns;  ///< (prompt, answer), tags and role words included
};

struct RecordViewOptions {
  config::TrainStage stage = config::TrainStage::kSft;
  uint32_t seed = 0;  ///< of prompt templates; the record's line counts too
  config::PromptConfig prompt;
};

/// Error for a place outside of the picture, or an annotation that no prompt can be made of.
RecordView view_record(const OwnData& data, const Record& record, ImageSize size, const RecordViewOptions& options);

/// A line on the picture, a line for each annotation that has places, then prompts and answers.
std::string format_view(const RecordView& view);

/// "2 dogs: [412, 88], [97, 301]"
std::string places_text(const PointsEntry& entry);

}  // namespace molmo::data
