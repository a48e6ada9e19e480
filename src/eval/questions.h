// The embedded evaluation tasks: questions with known answers, made from an own-data split.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/example.h"
#include "data/own_data.h"

namespace molmo::eval {

/// What is asked. Each task has one number per question, and the score is their mean.
enum class Task { kPointing, kAbsence, kCounting, kClock, kShortAnswer, kCaption };

/// One row of the task table.
struct TaskInfo {
  Task task;
  std::string_view name;    ///< on the command line: "pointing"
  std::string_view metric;  ///< in reports: "pointing_f1"
  int64_t max_new_tokens;   ///< budget of an answer
  std::string_view about;
};

/// All embedded tasks.
std::span<const TaskInfo> embedded_tasks();
const TaskInfo& task_info(Task task);
/// By name; the Error for an unknown one lists the nearest and all.
Task parse_task(const std::string& name);

/// What is true of a question; which fields count depends on the task.
struct Truth {
  std::vector<data::Point> points;  ///< pixels
  std::vector<data::Box> boxes;     ///< pixels, parallel to the points
  int64_t count = 0;
  std::vector<std::string> answers;  ///< accepted answers, or the caption
};

struct Question {
  Task task;
  const data::Record* record = nullptr;
  data::Message message;
  std::string label;  ///< kind asked for, or the question
  Truth truth;
};

/// The questions of `tasks` over `records` (which must outlive them), at most `max_per_task` of each task, spread
/// evenly over the split; 0: all.
std::vector<Question> make_questions(std::span<const data::Record> records, std::span<const Task> tasks,
                                     int64_t max_per_task);

}  // namespace molmo::eval
