// SPDX-License-Identifier: Apache-2.0
// Molmo's extension of three tokenizers: ids, fillers, encoding and the two ways of decoding
// (golden/text/special_tokens.json).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/golden.h"
#include "support/paths.h"
#include "text/tokenizer.h"

namespace molmo::text {
namespace {

using testing::GoldenCase;

config::TokenizerConfig config_of(const Json& golden) {
  config::TokenizerConfig config;
  config.file = golden.at("tokenizer_file").get<std::string>() + ".tokenizer.json.gz";
  if (!golden.at("kept_added_ids").is_null())
    config.kept_added_tokens = golden.at("kept_added_ids").get<std::vector<int64_t>>();
  if (golden.at("pad_tokenizer").get<bool>()) config.pad_to = golden.at("vocab_size").get<int>();
  config.bos_id = golden.at("bos_token_id").get<int64_t>();
  config.eos_id = golden.at("eos_token_id").get<int64_t>();
  return config;
}

void check_fillers(const Tokenizer& tokenizer, const Json& expected, GoldenCase& golden) {
  const auto count = expected.at("filler_count").get<int64_t>();
  golden.expect_equal("size", tokenizer.size(), expected.at("length").get<int64_t>());
  golden.expect_equal("filler count", tokenizer.size() - expected.at("base_length").get<int64_t>() - 5, count);
  for (const char* key : {"filler_first", "filler_last"}) {
    if (expected.at(key).is_null()) continue;
    const auto id = expected.at(key).at(0).get<int64_t>();
    golden.expect_text(key, tokenizer.token_bytes(id), expected.at(key).at(1));
    golden.expect_equal(key, tokenizer.added_token_id(expected.at(key).at(1).get<std::string>()), id);
  }
}

void check_case(const Json& expected, GoldenCase& golden) {
  const MolmoTokenizer molmo = load_tokenizer(testing::data_directory() / "tokenizers", config_of(expected));
  check_fillers(*molmo.tokenizer, expected, golden);
  const int64_t image_ids[] = {molmo.special.im_start, molmo.special.im_end, molmo.special.im_patch,
                               molmo.special.im_col, molmo.special.image};
  for (size_t i = 0; i < std::size(image_ids); ++i) {
    const std::string content(kImageTokens[i]);
    golden.expect_equal(content, image_ids[i], expected.at("special_tokens").at(content).get<int64_t>());
  }
  for (const Json& line : expected.at("encode")) {
    const auto text = line.at("text").get<std::string>();
    golden.expect_integers("encode " + text, molmo.tokenizer->encode(text), line.at("ids").get<std::vector<int64_t>>());
  }
  for (const Json& line : expected.at("decode")) {
    const auto ids = line.at("ids").get<std::vector<int64_t>>();
    golden.expect_text("truncated", molmo.decode_answer(ids), line.at("truncated"));
    golden.expect_text("full", molmo.decode_all(ids), line.at("full"));
  }
}

}  // namespace

GOLDEN_PART(special_tokens) {
  const std::filesystem::path path = run.folder() / "special_tokens.json";
  if (!std::filesystem::exists(path)) return;
  const Json golden = read_json(path);
  for (const Json& expected : golden.at("cases")) {
    const std::string name = fmt::format("special_tokens/{}{}", expected.at("name").get<std::string>(),
                                         expected.at("pad_tokenizer").get<bool>() ? "_padded" : "");
    run.run_case(name, [&](GoldenCase& c) { check_case(expected, c); });
  }
}

}  // namespace molmo::text
