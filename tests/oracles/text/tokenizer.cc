// SPDX-License-Identifier: Apache-2.0
// Byte-level BPE against HF tokenizers: encoding, decoding and streaming (golden/text/tokenizer/*.jsonl), all exact.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/golden.h"
#include "support/paths.h"
#include "text/load_tokenizer.h"

namespace molmo::text {
namespace {

using testing::GoldenCase;

std::string decode_base64(const std::string& text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((num_bits += 6) < 8) continue;
    num_bits -= 8;
    bytes.push_back(static_cast<char>(bits >> num_bits & 0xFF));
  }
  return bytes;
}

void check_tokens(const std::shared_ptr<const Tokenizer>& tokenizer, const Json& line, GoldenCase& golden) {
  const std::string what = fmt::format("line {} ({})", line.at("id").get<int>(), line.at("kind").get<std::string>());
  const auto ids = line.at("ids").get<std::vector<int64_t>>();
  if (line.at("text").is_string())
    golden.expect_integers(what + " ids", tokenizer->encode(line.at("text").get<std::string>()), ids);
  if (line.contains("bytes_base64")) {
    golden.expect_integers(what + " ids of bytes", tokenizer->encode(decode_base64(line.at("bytes_base64"))), ids);
  }
  golden.expect_text(what + " decoded", tokenizer->decode(ids), line.at("decoded"));
  golden.expect_text(what + " skip_special", tokenizer->decode(ids, /*skip_special=*/true),
                     line.at("decoded_skip_special"));
  StreamDecoder stream(tokenizer);
  std::vector<std::string> pieces;
  for (const int64_t id : ids) pieces.push_back(stream.push(id));
  pieces.push_back(stream.finish());
  golden.expect_equal(what + " pieces", pieces, line.at("pieces").get<std::vector<std::string>>());
}

}  // namespace

GOLDEN_PART(tokenizer) {
  run.run_folder("tokenizer", ".jsonl", [](const std::filesystem::path& path, GoldenCase& golden) {
    const auto file = testing::data_directory() / "tokenizers" / (path.stem().string() + ".tokenizer.json.gz");
    const auto tokenizer = load_plain_tokenizer(file);
    for_each_json_line(path, [&](size_t, const Json& line) { check_tokens(tokenizer, line, golden); });
  });
}

}  // namespace molmo::text
