// SPDX-License-Identifier: Apache-2.0
// From a dataset's example to shuffled conversations, with the generator that the loader gives it
// (golden/data/examples.jsonl). The dataset classes themselves are not built; of their draws only the choice of a
// transcript is known here.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "data/mixture.h"
#include "data/prompt_formatter.h"
#include "data/prompt_templates.h"
#include "data/record_examples.h"
#include "oracles/formatter_json.h"
#include "support/golden.h"

namespace molmo::data {
namespace {

using testing::GoldenCase;
using testing::GoldenRun;

// Whether the dataset drew a "no pointing" prefix for a question.
bool has_drawn_prefix(const DataExample& example) {
  const auto has_prefix = [](std::string_view text) {
    return std::ranges::any_of(no_pointing_prefixes(),
                               [&](std::string_view prefix) { return text.starts_with(prefix); });
  };
  return std::ranges::any_of(example.messages, [&](const Message& message) {
    return has_prefix(message.question.value_or("")) || std::ranges::any_of(message.turns, has_prefix);
  });
}

// Point arrays are plain lists here: those in pixels were float32, and all of their values are.
void restore_precision(DataExample& example) {
  for (Message& message : example.messages) {
    if (!message.points || message.point_scale) continue;
    message.points->is_float32 = std::ranges::all_of(message.points->points, [](const geometry::Point& p) {
      return p.x == static_cast<float>(p.x) && p.y == static_cast<float>(p.y);
    });
  }
}

// Draws the transcript of a caption example as the caption stage does, and compares it.
void replay_transcript(const Json& row, const Json& item, const DataExample& example, const std::string& id,
                       RandomState& random, GoldenCase& golden) {
  for (const Json& source : row.at("hub_rows")) {
    if (source.at("image_url") != item.at("example").at("metadata").at("image_url")) continue;
    Record record;
    record.caption = source.at("caption").get<std::string>();
    record.transcripts = source.at("transcripts").get<std::vector<std::string>>();
    const DataExample made = make_example(record, config::TrainStage::kCaption, {}, random);
    golden.expect_equal(id + " number of messages", made.messages.size(), example.messages.size());
    for (size_t i = 0; i < std::min(made.messages.size(), example.messages.size()); ++i) {
      golden.expect_equal(id + " style", made.messages[i].style, example.messages[i].style);
      golden.expect_equal(id + " text", made.messages[i].text, example.messages[i].text);
    }
    return;
  }
  golden.fail(id + ": no source row");
}

void check_item(const Json& row, const Json& item, DataExample& example, GoldenCase& golden) {
  const std::string id = fmt::format("item {} epoch {}", item.at("index").dump(), item.at("epoch").dump());
  RandomState random(item_seed(item.at("seed"), item.at("index"), row.at("length"), item.at("epoch")));
  if (row.at("args").value("mode", "") == "transcript_and_caption")
    replay_transcript(row, item, example, id, random, golden);
  const PromptFormatter format(testing::read_config(item.at("formatter")));
  const ImageSize size{item.at("image_size").at(0), item.at("image_size").at(1)};
  FormattedExample formatted = format(example, size, item.at("for_inference").get<bool>(), random);
  const Json messages = example.is_list ? item.at("messages") : Json::array({item.at("messages")});
  golden.expect_text(id + " messages", Json(formatted.conversations).dump(), messages.dump());
  if (item.contains("shuffled")) {
    random.shuffle(formatted.conversations);
    golden.expect_text(id + " shuffled", Json(formatted.conversations).dump(), item.at("shuffled").dump());
  }
  golden.expect_near(id + " next_random", random.random(), item.at("next_random").get<double>(), 0.0);
}

void check_case(const Json& row, GoldenCase& golden) {
  for (const Json& item : row.at("items")) {
    DataExample example = testing::read_example(item.at("example"));
    restore_precision(example);
    if (!has_drawn_prefix(example)) check_item(row, item, example, golden);
  }
  if (golden.num_values() == 0) golden.skip("datasets that draw prefixes");
}

GOLDEN_PART(examples) {
  for_each_json_line(run.folder() / "examples.jsonl", [&](size_t, const Json& row) {
    const std::string name = fmt::format("examples/{} {}", row.at("id").dump(), row.at("dataset").get<std::string>());
    run.run_case(name, [&](GoldenCase& golden) { check_case(row, golden); });
  });
}

}  // namespace
}  // namespace molmo::data
