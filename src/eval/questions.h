// The embedded evaluation tasks: questions with known answers, made from an own-data split.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/message.h"
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

/// How far from a point without a box a predicted point may lie to be a hit: pixels, or percent of the picture's
/// shorter side.
struct HitRadius {
  double value = 0.0;
  bool is_percent = false;

  double pixels(data::ImageSize size) const;
};

/// "20" or "5%". Error for anything else, and for what is not above 0.
HitRadius parse_radius(const std::string& text);

/// What is true of a question; which fields count depends on the task.
struct Truth {
  std::vector<geometry::Point> points;  ///< pixels, or percent
  bool is_percent = false;              ///< of the points
  std::vector<geometry::Box> boxes;     ///< pixels, parallel to the points; where there are none, `radius` counts
  HitRadius radius;
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

/// The true points of a picture of `size` in pixels.
std::vector<geometry::Point> true_points(const Question& question, data::ImageSize size);

struct QuestionOptions {
  std::vector<Task> tasks;
  int64_t max_per_task = 0;         ///< spread evenly over the split; 0: all
  std::optional<HitRadius> radius;  ///< none: points without boxes are not asked about
};

struct QuestionSet {
  std::vector<Question> questions;
  std::vector<std::string> left_out;  ///< what of the records is not asked about and why, a clause each; with counts
};

/// The questions over `records`, which must outlive them, task by task.
QuestionSet make_questions(std::span<const data::Record> records, const QuestionOptions& options);

}  // namespace molmo::eval
