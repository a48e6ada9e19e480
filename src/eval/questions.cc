// SPDX-License-Identifier: Apache-2.0
#include "eval/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

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

Question pointing_question(const data::Record& record, const data::PointsEntry& entry,
                           const std::optional<HitRadius>& radius) {
  Question question{
      .task = entry.points.empty() ? Task::kAbsence : Task::kPointing, .record = &record, .label = entry.label};
  question.message.style = "pointing";
  question.message.label = entry.label;
  question.truth.points = entry.points;
  question.truth.is_percent = entry.is_percent;
  question.truth.boxes = entry.boxes;
  if (entry.boxes.empty() && radius) question.truth.radius = *radius;
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

// Collects the questions of records, and what cannot be asked.
class Collector {
 public:
  explicit Collector(const QuestionOptions& options) : options_(options) {}

  void see(const data::Record& record) {
    if (record.images.size() != 1) return void(++num_groups_);  // the embedded tasks ask about one picture
    const size_t before = questions_.size(), lists_before = num_unscorable_;
    for (const data::PointsEntry& entry : record.points) see_points(record, entry);
    for (const data::CountEntry& entry : record.counts) add(counting_question(record, entry));
    for (const data::QaEntry& entry : record.qa) add(answer_question(record, entry));
    if (record.caption) add(caption_question(record));
    if (questions_.size() == before && num_unscorable_ == lists_before) ++num_bare_;
  }

  std::vector<const Question*> of_task(Task task) const {
    std::vector<const Question*> mine;
    for (const Question& question : questions_) {
      if (question.task == task) mine.push_back(&question);
    }
    return mine;
  }

  std::vector<std::string> left_out() const {
    std::vector<std::string> clauses;
    const auto say = [&](size_t count, const char* one, const char* many) {
      if (count > 0) clauses.push_back(fmt::format("{} {}", count, count == 1 ? one : many));
    };
    say(num_unscorable_, "list of points without a box for each point (--radius scores it by distance)",
        "lists of points without a box for each point (--radius scores them by distance)");
    say(num_groups_, "record of several pictures", "records of several pictures");
    say(num_bare_, "record without anything that these tasks ask about",
        "records without anything that these tasks ask about");
    return clauses;
  }

 private:
  void add(Question question) {
    if (is_wanted(question.task)) questions_.push_back(std::move(question));
  }
  void see_points(const data::Record& record, const data::PointsEntry& entry) {
    // A box or a radius is what makes a hit; points alone cannot be scored (an empty list can).
    const bool is_scorable = entry.boxes.size() == entry.points.size() || options_.radius;
    if (is_scorable) return add(pointing_question(record, entry, options_.radius));
    if (is_wanted(Task::kPointing)) ++num_unscorable_;
  }
  bool is_wanted(Task task) const {
    return std::find(options_.tasks.begin(), options_.tasks.end(), task) != options_.tasks.end();
  }

  const QuestionOptions& options_;
  std::vector<Question> questions_;
  size_t num_unscorable_ = 0, num_groups_ = 0, num_bare_ = 0;
};

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

double HitRadius::pixels(data::ImageSize size) const {
  return is_percent ? value / 100.0 * std::min(size.width, size.height) : value;
}

HitRadius parse_radius(const std::string& text) {
  HitRadius radius{.value = 0.0, .is_percent = text.ends_with('%')};
  const std::string_view number = std::string_view(text).substr(0, text.size() - (radius.is_percent ? 1 : 0));
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), radius.value);
  const bool is_number = error == std::errc() && end == number.data() + number.size();
  if (is_number && std::isfinite(radius.value) && radius.value > 0) return radius;
  throw Error(
      fmt::format("[eval] --radius {}: expected pixels, as 20, or percent of a picture's shorter side, as 5%", text));
}

std::vector<geometry::Point> true_points(const Question& question, data::ImageSize size) {
  std::vector<geometry::Point> points = question.truth.points;
  if (!question.truth.is_percent) return points;
  for (geometry::Point& point : points) point = {point.x * size.width / 100.0, point.y * size.height / 100.0};
  return points;
}

QuestionSet make_questions(std::span<const data::Record> records, const QuestionOptions& options) {
  Collector collector(options);
  for (const data::Record& record : records) collector.see(record);
  QuestionSet set{.questions = {}, .left_out = collector.left_out()};
  for (const Task task : options.tasks) {
    const std::vector<const Question*> mine = collector.of_task(task);
    const size_t wanted = options.max_per_task > 0
                              ? std::min<size_t>(mine.size(), static_cast<size_t>(options.max_per_task))
                              : mine.size();
    for (size_t i = 0; i < wanted; ++i) set.questions.push_back(*mine[i * mine.size() / wanted]);
  }
  return set;
}

}  // namespace molmo::eval
