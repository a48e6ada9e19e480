// SPDX-License-Identifier: Apache-2.0
#include "data/special_text.h"

#include <gtest/gtest.h>

#include "support/paths.h"
#include "text/tokenizer.h"

namespace molmo::data {
namespace {

TEST(SpecialText, EveryTextOfARecordIsLookedAt) {
  const text::MolmoTokenizer molmo =
      text::load_tokenizer(testing::data_directory() / "tokenizers", {.file = "qwen3.tokenizer.json.gz"});
  const auto remark = [&](const Record& record) {
    Dataset dataset{.name = "own", .records = {Record{.line = 1}, record}};
    dataset.records[1].line = 7;
    return remark_special_text(dataset, *molmo.tokenizer);
  };
  const std::string expected =
      "1 of 2 records hold the text of a special token (first: line 7, '<im_patch>'), which is read as plain text";
  const std::string text = "a <im_patch> b";
  EXPECT_EQ(remark({.caption = text}), expected);
  EXPECT_EQ(remark({.transcripts = {"x", text}}), expected);
  EXPECT_EQ(remark({.qa = {{.question = text}}}), expected);
  EXPECT_EQ(remark({.qa = {{.question = "x", .answers = {"y", text}}}}), expected);
  EXPECT_EQ(remark({.points = {{.label = text}}}), expected);
  EXPECT_EQ(remark({.counts = {{.label = text}}}), expected);
  EXPECT_EQ(remark({.choices = {{.question = "x", .options = {"y", text}}}}), expected);
  EXPECT_EQ(remark({.caption = "<im_patch"}), "");
}

}  // namespace
}  // namespace molmo::data
