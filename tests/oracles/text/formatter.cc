// SPDX-License-Identifier: Apache-2.0
// The prompt formatter (golden/text/formatter.jsonl): strings, metadata and the generator's next double, all exact.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "data/prompt_formatter.h"
#include "molmo/error.h"
#include "support/golden.h"

namespace molmo::data {
namespace {

using testing::GoldenCase;
using testing::GoldenRun;

// {"dtype": ..., "data": [[x, y], ...]} or a plain list (float64).
PointArray read_points(const Json& json) {
  const Json& values = json.is_object() ? json.at("data") : json;
  return {values.get<std::vector<Point>>(), json.is_object() && json.at("dtype") == "float32"};
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

config::PromptConfig read_config(const Json& options) {
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

std::optional<std::string> read_text(const Json& json, const char* key) {
  return json.contains(key) ? std::optional(json.at(key).get<std::string>()) : std::nullopt;
}

std::vector<std::string> read_texts(const Json& json, const char* key) {
  return json.contains(key) ? json.at(key).get<std::vector<std::string>>() : std::vector<std::string>{};
}

Message read_message(const Json& json) {
  Message message;
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
        {to_percent(read_points(entry.at("points")), 100.0, {}), entry.at("inline_text"), entry.at("alt_text")});
  }
  return message;
}

DataExample read_example(const Json& json) {
  DataExample example;
  example.is_list = json.contains("message_list");
  if (!example.is_list) example.messages.push_back(read_message(json));
  for (const Json& message : json.value("message_list", Json::array()))
    example.messages.push_back(read_message(message));
  return example;
}

// Of the metadata only what the formatter makes itself is compared; the rest are copies of the example's fields.
void check_metadata(const Json& expected, const MessageMetadata& got, const std::string& id, GoldenCase& golden) {
  std::vector<std::string> names;
  if (expected.contains("option_names")) {
    const Json& json = expected.at("option_names");
    if (json.is_array()) names = json.get<std::vector<std::string>>();
    if (json.is_string()) {
      for (char letter : json.get<std::string>()) names.emplace_back(1, letter);
    }
  }
  golden.expect_equal(id + " option_names", got.option_names, names);
  golden.expect_equal(id + " has points", got.points.has_value(), expected.contains("points"));
  if (!got.points || !expected.contains("points")) return;
  golden.expect_equal(id + " points", got.points->points, read_points(expected.at("points")).points);
}

void check_result(const Json& row, const std::string& id, GoldenCase& golden) {
  const DataExample example = read_example(row.at("example"));
  const PromptFormatter format(read_config(row.at("options")), row.at("options").value("debug", false));
  RandomState random(row.at("seed").get<uint32_t>());
  const ImageSize size{row.at("image_size").at(0), row.at("image_size").at(1)};
  const FormattedExample got = format(example, size, row.at("for_inference").get<bool>(), random);
  const Json expected = example.is_list ? row.at("messages") : Json::array({row.at("messages")});
  golden.expect_equal(id + " number of conversations", got.conversations.size(), expected.size());
  for (size_t i = 0; i < std::min(got.conversations.size(), expected.size()); ++i) {
    golden.expect_text(fmt::format("{} conversation {}", id, i), Json(got.conversations[i]).dump(), expected[i].dump());
  }
  if (row.at("metadata").is_object()) check_metadata(row.at("metadata"), got.metadata.at(0), id, golden);
  golden.expect_near(id + " next_random", random.random(), row.at("next_random").get<double>(), 0.0);
}

// A top-level ready conversation loses its style in the reference and fails there; it works here (spec/preprocess.md
// §5.3).
bool may_succeed(const Json& row) {
  const Json& example = row.at("example");
  return row.at("error") == "TypeError" && example.contains("messages") && example.contains("style");
}

GOLDEN_PART(formatter) {
  run.run_case("formatter", [&](GoldenCase& golden) {
    for_each_json_line(run.folder() / "formatter.jsonl", [&](size_t, const Json& row) {
      const std::string id = fmt::format("line {}", row.at("id").dump());
      if (!row.contains("error")) return check_result(row, id, golden);
      if (may_succeed(row)) return;
      golden.expect_error(id, [&] {
        const PromptFormatter format(read_config(row.at("options")));
        RandomState random(row.at("seed").get<uint32_t>());
        format(read_example(row.at("example")), {640, 480}, row.at("for_inference").get<bool>(), random);
      });
    });
  });
}

}  // namespace
}  // namespace molmo::data
