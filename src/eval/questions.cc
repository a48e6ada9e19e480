// SPDX-License-Identifier: Apache-2.0
#include "eval/questions.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/choices.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::eval {
namespace {

constexpr TaskInfo kTasks[] = {
    {Task::kPointing, "pointing", "pointing_f1", 256,
     "point at every object of a kind that is there; F1 over boxes hit"},
    {Task::kAbsence, "absence", "absence_accuracy", 256,
     "point at a kind that is not there; right without a point and with words that say so"},
    {Task::kCounting, "counting", "count_accuracy", 256, "count the objects of a kind; the number named is exact"},
    {Task::kClock, "clock", "clock_accuracy", 16, "read a clock face; hour of the dial and minute exact"},
    {Task::kShortAnswer, "short_answer", "short_answer_accuracy", 16,
     "short questions; the normalised answer is exact"},
    {Task::kCaption, "caption", "caption_word_f1", 160, "describe the picture; F1 of content words"},
};

constexpr std::string_view kClockStyle = "clock";

Question pointing_question(const data::Record& record, const data::PointsEntry& entry) {
  Question question{
      .task = entry.points.empty() ? Task::kAbsence : Task::kPointing, .record = &record, .label = entry.label};
  question.message.style = "pointing";
  question.message.label = entry.label;
  question.truth.points = entry.points;
  question.truth.boxes = entry.boxes;
  return question;
}

Question counting_question(const data::Record& record, const data::CountEntry& entry) {
  Question question{.task = Task::kCounting, .record = &record, .label = entry.label};
  question.message.style = "point_count";
  question.message.label = entry.label;
  question.truth.count = entry.count;
  return question;
}

Question answer_question(const data::Record& record, const data::QaEntry& entry) {
  Question question{.task = entry.style == kClockStyle ? Task::kClock : Task::kShortAnswer,
                    .record = &record,
                    .label = entry.question};
  question.message.style = entry.style;
  question.message.question = entry.question;
  question.truth.answers = entry.answers;
  return question;
}

Question caption_question(const data::Record& record) {
  Question question{.task = Task::kCaption, .record = &record, .label = "caption"};
  question.message.style = "long_caption";
  question.truth.answers = {*record.caption};
  return question;
}

std::vector<Question> all_questions(std::span<const data::Record> records) {
  std::vector<Question> questions;
  for (const data::Record& record : records) {
    if (record.images.size() != 1) continue;  // the embedded tasks ask about one picture
    for (const data::PointsEntry& entry : record.points) {
      // A box per point is what makes a hit; points alone cannot be scored (an empty list can).
      if (!entry.is_percent && entry.boxes.size() == entry.points.size())
        questions.push_back(pointing_question(record, entry));
    }
    for (const data::CountEntry& entry : record.counts) questions.push_back(counting_question(record, entry));
    for (const data::QaEntry& entry : record.qa) questions.push_back(answer_question(record, entry));
    if (record.caption) questions.push_back(caption_question(record));
  }
  return questions;
}

}  // namespace

std::span<const TaskInfo> embedded_tasks() { return kTasks; }

const TaskInfo& task_info(Task task) {
  for (const TaskInfo& info : kTasks) {
    if (info.task == task) return info;
  }
  MOLMO_CHECK(false, "task without a row");
}

Task parse_task(const std::string& name) {
  std::vector<std::string> names;
  for (const TaskInfo& info : kTasks) {
    if (info.name == name) return info.task;
    names.emplace_back(info.name);
  }
  throw Error(fmt::format("[eval] unknown task '{}', {}", name, expected_one_of(name, names)));
}

std::vector<Question> make_questions(std::span<const data::Record> records, std::span<const Task> tasks,
                                     int64_t max_per_task) {
  const std::vector<Question> all = all_questions(records);
  std::vector<Question> chosen;
  for (const Task task : tasks) {
    std::vector<const Question*> mine;
    for (const Question& question : all) {
      if (question.task == task) mine.push_back(&question);
    }
    const size_t wanted =
        max_per_task > 0 ? std::min<size_t>(mine.size(), static_cast<size_t>(max_per_task)) : mine.size();
    for (size_t i = 0; i < wanted; ++i) chosen.push_back(*mine[i * mine.size() / wanted]);
  }
  return chosen;
}

}  // namespace molmo::eval
