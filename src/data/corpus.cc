// SPDX-License-Identifier: Apache-2.0
#include "data/corpus.h"

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
      const FormattedExample formatted = format(make_example(record, stage, {}, random), kNominalSize, /*for_inference=*/false, random);
      for (const auto& conversation : formatted.conversations) turns.insert(turns.end(), conversation.begin(), conversation.end());
    }
  }
  return turns;
}

std::vector<std::string> point_text_pieces() {
  std::vector<std::string> pieces = {"<points x1=\"", "<point x=\"", "\" y=\"", "\" alt=\"", "\">", "</points>", "</point>",
                                     "Counting the ", " shows a total of ", "There are none."};
  for (int i = 1; i <= kMostNumberedPoints; ++i) {
    pieces.push_back(fmt::format("\" y{}=\"", i));
    if (i > 1) pieces.push_back(fmt::format("\" x{}=\"", i));
  }
  for (int percent = 0; percent <= 100; ++percent) pieces.push_back(fmt::format("{}.", percent));
  return pieces;
}

}  // namespace molmo::data
