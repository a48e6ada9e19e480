// From a record of own data to the messages that a training stage teaches. Paper: [P §4].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "base/random.h"
#include "config/train_config.h"
#include "data/message.h"
#include "data/own_data.h"

namespace molmo::data {

/// The kinds that a dataset's `annotations` may name.
inline constexpr std::string_view kAnnotationKinds[] = {"caption", "transcript", "qa", "points", "counts", "choices"};

/// Error for a kind that does not exist; `where` names the dataset.
void check_annotation_kinds(std::span<const std::string> annotations, const std::string& where);

/// The messages of a record. Caption stage: the caption (style long_caption) and one transcript drawn at random (style
/// transcript). SFT: one message per annotation: caption -> long_caption, points -> pointing, counts -> point_count
/// where the record has points of the same label, else a question with a short answer; qa and choices keep their style.
/// `annotations` limits the kinds (empty: all; in SFT transcripts are never used). May be empty.
DataExample make_example(const Record& record, config::TrainStage stage, std::span<const std::string> annotations,
                         RandomState& random);

/// Whether make_example gives at least one message.
bool has_messages(const Record& record, config::TrainStage stage, std::span<const std::string> annotations);

}  // namespace molmo::data
