// SPDX-License-Identifier: Apache-2.0
// The prompt formatter (golden/text/formatter.jsonl): strings, metadata and the generator's next double, all exact.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "data/prompt_formatter.h"
#include "oracles/formatter_json.h"
#include "support/golden.h"

namespace molmo::data {
namespace {

using testing::GoldenCase;
using testing::GoldenRun;
using testing::read_config;
using testing::read_example;
using testing::read_points;

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
