// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_settings.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error_of.h"
#include "text/load_tokenizer.h"

namespace molmo::text {
namespace {

std::string disagreement(const std::string& settings) {
  BpeFile file;
  file.added_tokens = {{.id = 7, .content = "<x>", .special = true, .lstrip = true}};
  const TokenizerSettings given{"c.json", std::make_shared<const Json>(parse_json(settings, "c.json"))};
  return testing::error_of([&] { expect_agreement(given, file); });
}

TEST(TokenizerSettings, WhatChangesTokensAgreesOrIsRefused) {
  EXPECT_EQ(
      disagreement(
          R"({"add_bos_token": true, "model_max_length": 1e30, "do_lower_case": false, "add_prefix_space": null})"),
      "no error");
  EXPECT_EQ(disagreement(R"({"add_prefix_space": true})"),
            "[text] c.json: add_prefix_space: got true, which is not supported, expected false");
  EXPECT_EQ(disagreement(R"({"do_lower_case": true})"),
            "[text] c.json: do_lower_case: got true, which is not supported, expected false");
  EXPECT_EQ(disagreement(R"({"added_tokens_decoder": {"7": {"content": "<x>", "lstrip": true, "special": true}}})"),
            "no error");
  EXPECT_EQ(disagreement(R"({"added_tokens_decoder": {"7": {"content": "<x>", "lstrip": false}}})"),
            "[text] c.json: added_tokens_decoder.7.lstrip: got false for '<x>', but tokenizer.json has true");
  EXPECT_EQ(disagreement(R"({"added_tokens_decoder": {"8": {"content": "<x>"}}})"),
            "[text] c.json: added_tokens_decoder.8: '<x>' has id 7 in tokenizer.json");
  EXPECT_EQ(disagreement(R"({"added_tokens_decoder": {"8": {"content": "<y>"}}})"),
            "[text] c.json: added_tokens_decoder.8: adds the token '<y>', which tokenizer.json does not add");
  EXPECT_EQ(disagreement(R"([])"), "[text] c.json: got [], expected an object");
  const TokenizerSettings legacy{"c.json", std::make_shared<const Json>(Json{{"legacy", false}})};
  EXPECT_EQ(testing::error_of([&] { expect_sentencepiece_settings(legacy); }),
            "[text] c.json: legacy: got false, which is not supported, expected true");
}

TEST(TokenizerPath, StaysInTheModelFolder) {
  EXPECT_EQ(tokenizer_path("model", "tokenizer.json"), "model/tokenizer.json");
  EXPECT_EQ(tokenizer_path("", "/data/own.model"), "/data/own.model");
  for (const char* file : {"/etc/passwd", "../x.json", "a/b.json", "", ".", ".."}) {
    EXPECT_EQ(testing::error_of([&] { tokenizer_path("model", file); }),
              std::string("[text] model: tokenizer.file, got '") + file +
                  "', expected the plain name of a file in the folder");
  }
}

}  // namespace
}  // namespace molmo::text
