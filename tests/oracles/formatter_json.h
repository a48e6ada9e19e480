// SPDX-License-Identifier: Apache-2.0
// Examples and formatter options as the golden files write them (golden/text/README.md), for the parts that format
// them.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "data/prompt_formatter.h"
#include "molmo/error.h"
#include "oracles/geometry_json.h"

namespace molmo::testing {

// {"dtype": ..., "data": [[x, y], ...]} or a plain list (float64).
inline data::PointArray read_points(const Json& json) {
  const Json& values = json.is_object() ? json.at("data") : json;
  return {values.get<std::vector<geometry::Point>>(), json.is_object() && json.at("dtype") == "float32"};
}

// An option of the config by the name that the reference gives it; null and absent mean the class default.
template <class E>
E read_enum(const Json& options, const char* key, E class_default) {
  if (!options.contains(key) || options.at(key).is_null()) return class_default;
  const std::string name = options.at(key);
  for (const auto& [value, text] : config::EnumNames<E>::values) {
    if (text == name) return value;
  }
  throw Error(fmt::format("[golden] {} '{}' is not built", key, name));
}

inline config::PromptConfig read_config(const Json& options) {
  config::PromptConfig config;
  config.prompt_templates = read_enum(options, "prompt_templates", config::PromptTemplates::kNone);
  config.message_format = read_enum(options, "message_format", config::MessageFormat::kNone);
  config.system_prompt = read_enum(options, "system_prompt", config::SystemPrompt::kNone);
  config.select_answer = read_enum(options, "select_answer", config::AnswerChoice::kBest);
  config.always_start_with_space = options.value("always_start_with_space", false);
  if (options.contains("default_inference_len")) {
    const Json& length = options.at("default_inference_len");
    config.default_inference_len = length.is_number() ? std::optional(length.get<int>()) : std::nullopt;
  }
  return config;
}

inline std::optional<std::string> read_text(const Json& json, const char* key) {
  return json.contains(key) ? std::optional(json.at(key).get<std::string>()) : std::nullopt;
}

inline std::vector<std::string> read_texts(const Json& json, const char* key) {
  return json.contains(key) ? json.at(key).get<std::vector<std::string>>() : std::vector<std::string>{};
}

inline data::Message read_message(const Json& json) {
  data::Message message;
  message.style = read_text(json, "style");
  message.prompt = read_text(json, "prompt");
  message.question = read_text(json, "question");
  message.label = read_text(json, "label");
  message.label_cased = read_text(json, "label_cased");
  message.options = read_texts(json, "options");
  message.unlabelled_options = read_texts(json, "unlabelled_options");
  message.answer = read_text(json, "answer");
  message.answer_with_points = read_text(json, "answer_with_points");
  message.text = read_text(json, "text");
  message.turns = read_texts(json, "messages");
  if (json.contains("points")) message.points = read_points(json.at("points"));
  if (json.contains("point_scale")) message.point_scale = json.at("point_scale").get<double>();
  if (json.contains("answer_idx")) message.answer_index = json.at("answer_idx").get<int>();
  if (json.contains("answers")) {
    const Json& answers = json.at("answers");
    message.answers.emplace();  // null stays an empty list: both are errors
    if (answers.is_string()) message.answers->push_back(answers);
    if (answers.is_array()) message.answers = answers.get<std::vector<std::string>>();
  }
  for (const Json& entry : json.value("answer_annotations", Json::array())) {
    message.annotations.push_back(
        {data::to_percent(read_points(entry.at("points")), 100.0, {}), entry.at("inline_text"), entry.at("alt_text")});
  }
  return message;
}

inline data::DataExample read_example(const Json& json) {
  data::DataExample example;
  example.is_list = json.contains("message_list");
  if (!example.is_list) example.messages.push_back(read_message(json));
  for (const Json& message : json.value("message_list", Json::array()))
    example.messages.push_back(read_message(message));
  return example;
}

}  // namespace molmo::testing
