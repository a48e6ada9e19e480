// Scores by label: which kinds of things a model points at and counts well.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/questions.h"

namespace molmo::eval {

struct Answered;

/// The mean of a label's questions of one task.
struct LabelScore {
  double mean = 0.0;
  int64_t num_questions = 0;
};

struct LabelRow {
  std::string label;
  std::vector<std::optional<LabelScore>> scores;  ///< parallel to LabelTable::tasks; unset: never asked about
  int64_t num_questions = 0;                      ///< of all tasks
};

struct LabelTable {
  std::vector<Task> tasks;     ///< those of pointing, absence and counting that were asked
  std::vector<LabelRow> rows;  ///< the labels with the most questions, in that order
  size_t num_labels = 0;       ///< of all questions, those beyond the table included
};

/// At most `max_rows` labels of `answers`; of as many questions, the first in the alphabet.
LabelTable tabulate_labels(std::span<const Answered> answers, size_t max_rows);

}  // namespace molmo::eval
