// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer_corpus.h"

#include <fmt/format.h>

#include "data/prompt_formatter.h"
#include "data/record_examples.h"

namespace molmo::data {
namespace {

constexpr int kMostNumberedPoints = 12;

// Percent and pixels give the same kind of text; the pictures' sizes are not needed for that.
constexpr ImageSize kNominalSize{1000, 1000};

config::PromptConfig caption_prompts() {
  config::PromptConfig prompt;
  prompt.prompt_templates = config::PromptTemplates::kNone;
  prompt.message_format = config::MessageFormat::kNone;
  prompt.system_prompt = config::SystemPrompt::kStyleAndLength;
  return prompt;
}

}  // namespace

std::vector<std::string> tokenizer_corpus(const std::vector<Record>& records, uint32_t seed) {
  const std::pair<config::TrainStage, PromptFormatter> stages[] = {
      {config::TrainStage::kCaption, PromptFormatter(caption_prompts())},
      {config::TrainStage::kSft, PromptFormatter(config::PromptConfig{})}};
  std::vector<std::string> turns;
  RandomState random(seed);
  for (const Record& record : records) {
    for (const auto& [stage, format] : stages) {
      if (!has_messages(record, stage, {})) continue;
      const FormattedExample formatted =
          format(make_example(record, stage, {}, random), kNominalSize, /*for_inference=*/false, random);
      for (const auto& conversation : formatted.conversations)
        turns.insert(turns.end(), conversation.begin(), conversation.end());
    }
  }
  return turns;
}

std::vector<std::string> point_text_pieces() {
  std::vector<std::string> pieces = {"<points x1=\"",      "<point x=\"",    "\">",
                                     "</points>",          "</point>",       "Counting the ",
                                     " shows a total of ", "There are none."};
  std::vector<std::string> separators = {"\" y=\"", "\" alt=\"", "\" y1=\""};
  for (int i = 2; i <= kMostNumberedPoints; ++i) {
    separators.push_back(fmt::format("\" x{}=\"", i));
    separators.push_back(fmt::format("\" y{}=\"", i));
  }
  for (const std::string& separator : separators) {
    pieces.push_back(separator);
    pieces.push_back(".0" + separator);  // whole percents
  }
  return pieces;
}

}  // namespace molmo::data
