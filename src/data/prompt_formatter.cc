// SPDX-License-Identifier: Apache-2.0
#include "data/prompt_formatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/unicode_text.h"
#include "data/prompt_templates.h"

namespace molmo::data {
namespace {

using config::PromptTemplates;
using config::SystemPrompt;

constexpr std::string_view kLetters = "ABCDEFG";
constexpr double kTagShare = 0.1;           // of demo prompts that carry a style tag, and of captions without a hint
constexpr double kLengthNoise = 25.0;       // characters, standard deviation
constexpr int64_t kCharactersPerUnit = 15;  // of a length hint

bool is_point_style(const std::string& style) { return style == "pointing" || style == "point_count"; }

bool is_demo_style(std::string_view style) {
  return std::find(std::begin(kDemoStyles), std::end(kDemoStyles), style) != std::end(kDemoStyles);
}

// The tag under which a style was trained.
std::string_view tag_name(std::string_view style) {
  if (style == "eval_short_answer") return "vqa2";
  if (style == "eval_multiple_choice") return "a_okvqa_mc";
  return style;
}

std::string fill_label(std::string_view prompt, std::string_view label) {
  const size_t at = prompt.find(kLabelPlaceholder);
  MOLMO_CHECK(at != std::string_view::npos, "template without a label");
  return std::string(prompt.substr(0, at)).append(label).append(prompt.substr(at + kLabelPlaceholder.size()));
}

// The label as prompts and points show it.
std::optional<std::string> shown_label(const Message& message) {
  if (message.label) return unicode::lower(*message.label);
  return message.label_cased;
}

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

}  // namespace

/// What write_prompt found out: the user's text, and the answer where points or options give one.
struct PromptFormatter::Draft {
  std::string prompt;
  std::optional<std::string> answer;
  MessageMetadata metadata;
};

FormattedExample PromptFormatter::operator()(const DataExample& example, ImageSize size, bool for_inference,
                                             RandomState& random) const {
  if (example.messages.empty()) throw Error("[prompt] example without messages");
  FormattedExample formatted;
  for (const Message& message : example.messages) {
    formatted.conversations.push_back(
        format_message(message, size, for_inference, random, formatted.metadata.emplace_back()));
  }
  return formatted;
}

std::vector<std::string> PromptFormatter::format_message(const Message& message, ImageSize size, bool for_inference,
                                                         RandomState& random, MessageMetadata& metadata) const {
  std::vector<std::string> turns = message.turns;
  if (turns.empty()) {
    Draft draft;
    write_prompt(message, size, random, draft);
    turns.push_back(draft.prompt);
    if (!for_inference) turns.push_back(response(message, draft, random));
    metadata = std::move(draft.metadata);
  }
  if (config_.system_prompt != SystemPrompt::kNone) {
    if (!message.style) throw Error("[prompt] message without a style, which the system prompt needs");
    const std::string tag_text = tag(*message.style, turns.back(), for_inference, random);
    if (!tag_text.empty()) turns[0] = turns[0].empty() ? tag_text : tag_text + " " + turns[0];
  }
  for (size_t i = 0; i < turns.size(); ++i) {
    const bool is_user = i % 2 == 0;
    if (is_user && config_.message_format == config::MessageFormat::kRole)
      turns[i] = "User: " + turns[i] + " Assistant:";
    if (i > 0 || config_.always_start_with_space) turns[i].insert(0, 1, ' ');
  }
  return turns;
}

void PromptFormatter::write_prompt(const Message& message, ImageSize size, RandomState& random, Draft& draft) const {
  if (message.prompt) {
    draft.prompt = *message.prompt;
    return;
  }
  const bool has_templates = config_.prompt_templates == PromptTemplates::kUberModel;
  if (has_templates && !message.style) throw Error("[prompt] message without a style, which chooses its template");
  const std::string style = message.style.value_or("");
  if (is_point_style(style)) {
    const std::optional<std::string> label = shown_label(message);
    if (!message.question && !label) throw Error(fmt::format("[prompt] message of style '{}' without a label", style));
    if (message.question) {
      draft.prompt = *message.question;
    } else if (has_templates) {
      const auto templates = style == "pointing" ? pointing_templates() : point_count_templates();
      draft.prompt = fill_label(choose_template(templates, random), *label);
    } else {
      draft.prompt = *label;
    }
    write_points(message, size, draft);
  } else if (has_templates && style == "long_caption") {
    draft.prompt = choose_template(long_caption_templates(), random);
  } else if (!message.options.empty() || !message.unlabelled_options.empty()) {
    write_options(message, draft);
  } else {
    draft.prompt = message.question.value_or("");
  }
}

void PromptFormatter::write_points(const Message& message, ImageSize size, Draft& draft) const {
  if (!message.points) return;
  draft.metadata.points = to_percent(*message.points, message.point_scale, size);
  const std::optional<std::string> label = shown_label(message);
  draft.answer = points_to_text(*draft.metadata.points, *message.style, label ? *label : *message.question);
}

void PromptFormatter::write_options(const Message& message, Draft& draft) {
  const bool is_lettered = !message.options.empty();
  const std::vector<std::string>& options = is_lettered ? message.options : message.unlabelled_options;
  std::vector<std::string>& names = draft.metadata.option_names;
  draft.prompt = message.question.value_or("") + "\n";
  // PARITY: there are seven letters; further options are dropped.
  for (size_t i = 0; i < (is_lettered ? std::min(options.size(), kLetters.size()) : options.size()); ++i) {
    names.push_back(is_lettered ? std::string(1, kLetters[i]) : options[i]);
    draft.prompt += (is_lettered ? names.back() + ": " : "") + options[i] + "\n";
  }
  if (!message.answer_index) return;
  if (*message.answer_index < 0 || static_cast<size_t>(*message.answer_index) >= names.size()) {
    throw Error(fmt::format("[prompt] answer index of a choice, got {}, expected 0 to {}", *message.answer_index,
                            names.size() - 1));
  }
  draft.answer = names[*message.answer_index];
}

std::string PromptFormatter::response(const Message& message, const Draft& draft, RandomState& random) const {
  if (draft.answer) return *draft.answer;
  if (message.answers) return choose_answer(*message.answers, random);
  if (message.answer) return fill_point_placeholders(*message.answer, message.annotations);
  if (message.answer_with_points) return *message.answer_with_points;
  if (message.text) return *message.text;
  throw Error(fmt::format("[prompt] message of style '{}' without an answer", message.style.value_or("")));
}

std::string PromptFormatter::choose_answer(const std::vector<std::string>& answers, RandomState& random) const {
  if (answers.empty()) throw Error("[prompt] message with an empty list of answers");
  if (config_.select_answer == config::AnswerChoice::kFirst) return *std::min_element(answers.begin(), answers.end());
  std::vector<std::string> best;  // the most frequent ones, in order of first appearance
  std::ptrdiff_t best_count = 0;
  for (const std::string& answer : answers) {
    const auto count = std::count(answers.begin(), answers.end(), answer);
    if (count > best_count) best.clear(), best_count = count;
    if (count == best_count && std::find(best.begin(), best.end(), answer) == best.end()) best.push_back(answer);
  }
  return best[random.randint(0, static_cast<int64_t>(best.size()))];
}

std::string_view PromptFormatter::choose_template(std::span<const std::string_view> templates,
                                                  RandomState& random) const {
  return debug_ ? templates[0] : templates[random.randint(0, static_cast<int64_t>(templates.size()))];
}

std::string PromptFormatter::tag(const std::string& style, const std::string& last_turn, bool for_inference,
                                 RandomState& random) const {
  const std::string_view name = tag_name(style);
  if (config_.system_prompt == SystemPrompt::kStyleAndLength) {
    return fmt::format("{} {}:", name, length_hint(last_turn, for_inference, random));
  }
  if (config_.system_prompt == SystemPrompt::kDemoOrStyle) {
    if (style == "android_control" || style == "demo") return "";
    if (is_demo_style(style) && random.random() > kTagShare && !debug_) return "";
  }
  return fmt::format("{}:", name);
}

std::string PromptFormatter::length_hint(const std::string& last_turn, bool for_inference, RandomState& random) const {
  if (for_inference) return config_.default_inference_len ? std::to_string(*config_.default_inference_len) : "";
  if (random.random() <= kTagShare) return "";
  const auto noise = static_cast<int64_t>(std::trunc(random.normal(0.0, kLengthNoise)));
  return std::to_string(
      floor_divide(static_cast<int64_t>(unicode::count_characters(last_turn)) + noise, kCharactersPerUnit));
}

}  // namespace molmo::data
