// SPDX-License-Identifier: Apache-2.0
#include "data/record_examples.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/choices.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

using config::TrainStage;

bool is_used(std::string_view kind, std::span<const std::string> annotations) {
  return annotations.empty() || std::find(annotations.begin(), annotations.end(), kind) != annotations.end();
}

Message point_message(const PointsEntry& entry, const char* style) {
  Message message;
  message.style = style;
  message.label = entry.label;
  message.points = PointArray{entry.points};
  if (entry.is_percent) message.point_scale = 100.0;
  return message;
}

// Counting by pointing where the places are known, else a question.
Message count_message(const CountEntry& entry, const Record& record) {
  for (const PointsEntry& points : record.points) {
    if (points.label == entry.label) return point_message(points, "point_count");
  }
  Message message;
  message.style = kShortAnswerStyle;
  message.question = fmt::format("How many {} are there?", entry.label);
  message.answer = std::to_string(entry.count);
  return message;
}

Message qa_message(const QaEntry& entry) {
  Message message;
  message.style = entry.style;
  message.question = entry.question;
  message.answers = entry.answers;
  return message;
}

Message choice_message(const ChoiceEntry& entry) {
  Message message;
  message.style = entry.style;
  message.question = entry.question;
  message.options = entry.options;
  message.answer_index = entry.answer;
  return message;
}

Message text_message(const std::string& text, const char* style) {
  Message message;
  message.style = style;
  message.text = text;
  return message;
}

}  // namespace

void check_annotation_kinds(std::span<const std::string> annotations, const std::string& where) {
  const std::vector<std::string> kinds(std::begin(kAnnotationKinds), std::end(kAnnotationKinds));
  for (const std::string& name : annotations) {
    if (std::find(kinds.begin(), kinds.end(), name) != kinds.end()) continue;
    throw Error(fmt::format("[data] {}: annotations: got '{}', {}", where, name, expected_one_of(name, kinds)));
  }
}

DataExample make_example(const Record& record, TrainStage stage, std::span<const std::string> annotations,
                         RandomState& random) {
  DataExample example;
  example.is_list = true;
  std::vector<Message>& messages = example.messages;
  if (record.caption && is_used("caption", annotations))
    messages.push_back(text_message(*record.caption, "long_caption"));
  if (stage == TrainStage::kCaption) {
    if (!record.transcripts.empty() && is_used("transcript", annotations)) {
      const int64_t index = random.randint(0, static_cast<int64_t>(record.transcripts.size()));
      messages.push_back(text_message(record.transcripts[index], "transcript"));
    }
    return example;
  }
  if (is_used("points", annotations)) {
    for (const PointsEntry& entry : record.points) messages.push_back(point_message(entry, "pointing"));
  }
  if (is_used("counts", annotations)) {
    for (const CountEntry& entry : record.counts) messages.push_back(count_message(entry, record));
  }
  if (is_used("qa", annotations)) {
    for (const QaEntry& entry : record.qa) messages.push_back(qa_message(entry));
  }
  if (is_used("choices", annotations)) {
    for (const ChoiceEntry& entry : record.choices) messages.push_back(choice_message(entry));
  }
  return example;
}

bool has_messages(const Record& record, TrainStage stage, std::span<const std::string> annotations) {
  if (record.caption && is_used("caption", annotations)) return true;
  if (stage == TrainStage::kCaption) return !record.transcripts.empty() && is_used("transcript", annotations);
  return (!record.points.empty() && is_used("points", annotations)) ||
         (!record.counts.empty() && is_used("counts", annotations)) ||
         (!record.qa.empty() && is_used("qa", annotations)) ||
         (!record.choices.empty() && is_used("choices", annotations));
}

}  // namespace molmo::data
