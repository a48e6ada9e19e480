// SPDX-License-Identifier: Apache-2.0
#include "eval/label_scores.h"

#include <algorithm>
#include <array>
#include <map>

#include "eval/runner.h"

namespace molmo::eval {
namespace {

constexpr std::array kLabelTasks = {Task::kPointing, Task::kAbsence, Task::kCounting};

using Sums = std::array<LabelScore, kLabelTasks.size()>;  // `mean` holds the sum

LabelRow make_row(const std::string& label, const Sums& sums, const std::vector<size_t>& columns) {
  LabelRow row{.label = label, .scores = {}};
  for (const size_t column : columns) {
    const auto& [sum, count] = sums[column];
    row.num_questions += count;
    row.scores.emplace_back();
    if (count > 0) row.scores.back() = {.mean = sum / static_cast<double>(count), .num_questions = count};
  }
  return row;
}

}  // namespace

LabelTable tabulate_labels(std::span<const Answered> answers, size_t max_rows) {
  std::map<std::string, Sums> labels;
  std::array<bool, kLabelTasks.size()> is_asked{};
  for (const Answered& item : answers) {
    const auto found = std::find(kLabelTasks.begin(), kLabelTasks.end(), item.question.task);
    if (found == kLabelTasks.end()) continue;
    const auto column = static_cast<size_t>(found - kLabelTasks.begin());
    is_asked[column] = true;
    LabelScore& sum = labels[item.question.label][column];
    sum.mean += item.score.model;
    ++sum.num_questions;
  }
  LabelTable table{.tasks = {}, .rows = {}, .num_labels = labels.size()};
  std::vector<size_t> columns;
  for (size_t column = 0; column < kLabelTasks.size(); ++column) {
    if (!is_asked[column]) continue;
    columns.push_back(column);
    table.tasks.push_back(kLabelTasks[column]);
  }
  for (const auto& [label, sums] : labels) table.rows.push_back(make_row(label, sums, columns));
  std::stable_sort(table.rows.begin(), table.rows.end(),
                   [](const LabelRow& a, const LabelRow& b) { return a.num_questions > b.num_questions; });
  table.rows.resize(std::min(max_rows, table.rows.size()));
  return table;
}

}  // namespace molmo::eval
