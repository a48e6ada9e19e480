// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer_corpus.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace molmo::data {
namespace {

std::vector<Record> records() {
  Record record;
  record.images = {"a.png"};
  record.caption = "Two dogs asleep.";
  record.transcripts = {"I can see two dogs."};
  record.points = {{.label = "dogs", .points = {{50, 20}, {3.1, 100}}, .boxes = {}, .is_percent = true}};
  return {record};
}

TEST(TokenizerCorpus, HoldsWhatBothStagesTeach) {
  const std::vector<std::string> corpus = tokenizer_corpus(records(), 1);
  for (const char* text : {"Two dogs asleep.", "I can see two dogs.",
                           R"(<points x1="3.1" y1="100.0" x2="50.0" y2="20.0" alt="dogs">dogs</points>)"}) {
    const auto holds = [&](const std::string& turn) { return turn.find(text) != std::string::npos; };
    EXPECT_TRUE(std::ranges::any_of(corpus, holds)) << text;
  }
}

TEST(TokenizerCorpus, DependsOnItsSeedAlone) {
  EXPECT_EQ(tokenizer_corpus(records(), 1), tokenizer_corpus(records(), 1));
  bool differs = false;  // the prompts are drawn from templates
  for (uint32_t seed = 2; seed < 6; ++seed)
    differs |= tokenizer_corpus(records(), 1) != tokenizer_corpus(records(), seed);
  EXPECT_TRUE(differs);
}

// What the pieces are for: the tags of an answer are made of them, but for labels and digits.
TEST(TokenizerCorpus, PiecesMakeUpPointText) {
  const std::vector<std::string> pieces = point_text_pieces();
  std::string text = R"(<points x1="3.0" y1="9.0" x2="5.0" y2="2.0" alt="dogs">dogs</points>)";
  std::vector<std::string> longest_first = pieces;
  std::ranges::sort(longest_first, std::ranges::greater(), &std::string::size);
  for (const std::string& piece : longest_first) {
    for (size_t at; (at = text.find(piece)) != std::string::npos;) text.replace(at, piece.size(), "|");
  }
  EXPECT_EQ(text, "|3|9|5|2|dogs|dogs|");
}

}  // namespace
}  // namespace molmo::data
