// SPDX-License-Identifier: Apache-2.0
#include "data/special_text.h"

#include <fmt/format.h>

namespace molmo::data {
namespace {

// The first special token in any text of a record that can reach the model.
std::string find_special(const Record& record, const text::Tokenizer& tokenizer) {
  std::string found;
  const auto look = [&](const std::string& text) {
    if (found.empty()) found = tokenizer.find_special(text);
  };
  if (record.caption) look(*record.caption);
  for (const std::string& text : record.transcripts) look(text);
  for (const QaEntry& qa : record.qa) {
    look(qa.question), look(qa.style);
    for (const std::string& answer : qa.answers) look(answer);
  }
  for (const PointsEntry& points : record.points) look(points.label);
  for (const CountEntry& count : record.counts) look(count.label);
  for (const ChoiceEntry& choice : record.choices) {
    look(choice.question), look(choice.style);
    for (const std::string& option : choice.options) look(option);
  }
  return found;
}

}  // namespace

std::string remark_special_text(const Dataset& dataset, const text::Tokenizer& tokenizer) {
  size_t count = 0, first_line = 0;
  std::string first;
  for (const Record& record : dataset.records) {
    const std::string special = find_special(record, tokenizer);
    if (special.empty()) continue;
    if (count++ == 0) first = special, first_line = record.line;
  }
  if (count == 0) return "";
  return fmt::format(
      "{} of {} records hold the text of a special token (first: line {}, '{}'), which is read as plain text", count,
      dataset.records.size(), first_line, first);
}

}  // namespace molmo::data
