// SPDX-License-Identifier: Apache-2.0
// SentencePiece models: encoding and decoding (golden/text/sentencepiece/*.{model,jsonl}), all exact. The stream
// decoder has to add up to the decoded text.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/golden.h"
#include "text/load_tokenizer.h"
#include "text/tokenizer.h"

namespace molmo::text {
namespace {

using testing::GoldenCase;

void check_line(const std::shared_ptr<const Tokenizer>& tokenizer, const Json& line, GoldenCase& golden) {
  if (line.at("kind") == "options")
    return golden.expect_equal("size", tokenizer->size(), line.at("pieces").get<int64_t>());
  const std::string what = fmt::format("line {} ({})", line.at("id").get<int>(), line.at("kind").get<std::string>());
  const auto ids = line.at("ids").get<std::vector<int64_t>>();
  if (line.at("text").is_string())
    golden.expect_integers(what + " ids", tokenizer->encode(line.at("text").get<std::string>()), ids);
  golden.expect_text(what + " decoded", tokenizer->decode(ids), line.at("decoded"));
  StreamDecoder stream(tokenizer);
  std::string streamed;
  for (const int64_t id : ids) streamed += stream.push(id);
  golden.expect_text(what + " streamed", streamed + stream.finish(), line.at("decoded"));
}

}  // namespace

GOLDEN_PART(sentencepiece) {
  run.run_folder("sentencepiece", ".jsonl", [](const std::filesystem::path& path, GoldenCase& golden) {
    const auto tokenizer = load_plain_tokenizer(std::filesystem::path(path).replace_extension(".model"));
    for_each_json_line(path, [&](size_t, const Json& line) { check_line(tokenizer, line, golden); });
  });
}

}  // namespace molmo::text
