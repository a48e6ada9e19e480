// SPDX-License-Identifier: Apache-2.0
#include "generate/greedy.h"

#include <gtest/gtest.h>

#include "model/tiny_config.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::generate {
namespace {

std::unique_ptr<model::Molmo> make_tiny() {
  auto molmo = std::make_unique<model::Molmo>(molmo::testing::tiny_model_config());
  molmo->params().materialize(at::kCPU, 11);
  for (Parameter& param : molmo->params().all()) {
    if (param.init.kind == Init::Kind::kNormal) param.value.mul_(6.0);  // so that tokens differ
  }
  return molmo;
}

// Right-padded rows of text.
model::ModelInputs rows(const std::vector<std::vector<int64_t>>& texts) {
  size_t longest = 0;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  std::vector<int64_t> ids;
  for (const auto& text : texts) {
    ids.insert(ids.end(), text.begin(), text.end());
    ids.insert(ids.end(), longest - text.size(), -1);
  }
  model::ModelInputs inputs;
  inputs.input_ids = at::tensor(ids, at::kLong).view({static_cast<int64_t>(texts.size()), static_cast<int64_t>(longest)});
  return inputs;
}

const std::vector<int64_t> kShort = {2, 7, 9}, kLong = {2, 30, 31, 32, 33, 34, 35};

// Greedy by the book: the whole sequence anew for every token.
std::vector<int64_t> without_cache(const model::Molmo& molmo, std::vector<int64_t> text, int64_t num_tokens) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < num_tokens; ++i) {
    const Tensor logits = molmo.forward(rows({text}), {});
    tokens.push_back(logits[0][-1].argmax().item<int64_t>());
    text.push_back(tokens.back());
  }
  return tokens;
}

TEST(Greedy, CachedEqualsUncached) {
  const auto molmo = make_tiny();
  const DecodeResult result = decode_greedy(*molmo, rows({kLong}), {.max_new_tokens = 10}, {});
  EXPECT_EQ(result.tokens[0], without_cache(*molmo, kLong, 10));
  EXPECT_EQ(result.num_passes, 10);
}

TEST(Greedy, PaddedRowsAnswerAsTheyDoAlone) {
  const auto molmo = make_tiny();
  const DecodeResult both = decode_greedy(*molmo, rows({kShort, kLong}), {.max_new_tokens = 8}, {});
  const std::vector<int64_t>* texts[] = {&kShort, &kLong};
  for (size_t row = 0; row < 2; ++row) {
    const DecodeResult alone = decode_greedy(*molmo, rows({*texts[row]}), {.max_new_tokens = 8}, {});
    EXPECT_EQ(both.tokens[row], alone.tokens[0]);
    EXPECT_NEAR(both.log_probs[row], alone.log_probs[0], 2e-5);
  }
}

TEST(Greedy, EndTokenStopsARowAndTheLoop) {
  const auto molmo = make_tiny();
  const std::vector<int64_t> free = decode_greedy(*molmo, rows({kLong}), {.max_new_tokens = 6}, {}).tokens[0];
  const int64_t eos = free[2];
  const size_t first = static_cast<size_t>(std::find(free.begin(), free.end(), eos) - free.begin());
  const DecodeResult result = decode_greedy(*molmo, rows({kLong}), {.max_new_tokens = 6, .eos = eos}, {});
  EXPECT_EQ(result.tokens[0], std::vector<int64_t>(free.begin(), free.begin() + static_cast<ptrdiff_t>(first) + 1));
  EXPECT_EQ(result.num_passes, static_cast<int64_t>(first) + 1);
  const DecodeResult later = decode_greedy(*molmo, rows({kLong}), {.max_new_tokens = 6, .min_new_tokens = 6, .eos = eos}, {});
  EXPECT_EQ(std::count(later.tokens[0].begin(), later.tokens[0].end(), eos), 0);
}

TEST(Greedy, BlockedNgramsComeOnce) {
  const auto molmo = make_tiny();
  const std::vector<int64_t> tokens = decode_greedy(*molmo, rows({kLong}), {.max_new_tokens = 40, .block_ngram = 2}, {}).tokens[0];
  std::set<std::pair<int64_t, int64_t>> pairs;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) EXPECT_TRUE(pairs.emplace(tokens[i], tokens[i + 1]).second) << i;
}

TEST(Greedy, StreamsEveryTokenOnce) {
  const auto molmo = make_tiny();
  std::vector<std::vector<int64_t>> streamed(2);
  const DecodeResult result = decode_greedy(*molmo, rows({kShort, kLong}), {.max_new_tokens = 5}, {},
                                            [&](size_t row, int64_t token) { streamed[row].push_back(token); });
  EXPECT_EQ(streamed, result.tokens);
}

TEST(Greedy, OverflowSaysHowLongThePromptIs) {
  const auto molmo = make_tiny();
  try {
    decode_greedy(*molmo, rows({kLong}), {.max_new_tokens = 128}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[generate] prompt of 7 tokens (image included) and 128 new ones, got 135 in total, expected at most 128");
  }
}

}  // namespace
}  // namespace molmo::generate
