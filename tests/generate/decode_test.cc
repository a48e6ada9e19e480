// SPDX-License-Identifier: Apache-2.0
#include "generate/decode.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "generate/beam_search.h"
#include "generate/sampler.h"
#include "generate/text_stream.h"
#include "model/batch.h"
#include "model/tiny_config.h"
#include "molmo/error.h"
#include "support/cpu_sequence_kernel.h"
#include "support/error_of.h"
#include "tensor/ops.h"

namespace molmo::generate {
namespace {

std::unique_ptr<model::Molmo> make_tiny(bool has_rope = true) {
  config::ModelConfig config = molmo::testing::tiny_model_config();
  config.decoder.rope = has_rope;
  auto molmo = std::make_unique<model::Molmo>(config);
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
  inputs.input_ids =
      at::tensor(ids, at::kLong).view({static_cast<int64_t>(texts.size()), static_cast<int64_t>(longest)});
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

TEST(Decode, CachedEqualsUncached) {
  const auto molmo = make_tiny();
  const DecodeResult result = decode(*molmo, rows({kLong}), {.max_new_tokens = 10}, {});
  EXPECT_EQ(result.tokens[0], without_cache(*molmo, kLong, 10));
  EXPECT_EQ(result.num_passes, 10);
}

TEST(Decode, PaddedRowsAnswerAsTheyDoAlone) {
  for (const bool has_rope : {true, false}) {  // learned positions count real tokens too
    const auto molmo = make_tiny(has_rope);
    const DecodeResult both = decode(*molmo, rows({kShort, kLong}), {.max_new_tokens = 8}, {});
    const std::vector<int64_t>* texts[] = {&kShort, &kLong};
    for (size_t row = 0; row < 2; ++row) {
      const DecodeResult alone = decode(*molmo, rows({*texts[row]}), {.max_new_tokens = 8}, {});
      EXPECT_EQ(both.tokens[row], alone.tokens[0]) << has_rope;
      EXPECT_NEAR(both.log_probs[row], alone.log_probs[0], 2e-5) << has_rope;
    }
  }
}

TEST(Decode, RefusesLogitsThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto molmo = make_tiny();
    // Of the second row's first token alone: the first row's answer is sound, and so is every other weight.
    Tensor table = molmo->params().find("model.transformer.wte.embedding")->value;
    table[30].fill_(bad);
    const std::string expected = "[generate] logits are not finite";
    EXPECT_NE(testing::error_of([&] {
                decode(*molmo, rows({kShort, kLong}), {.max_new_tokens = 4}, {});
              }).find(expected),
              std::string::npos);
    EXPECT_NE(testing::error_of([&] {
                search_beams(*molmo, rows({kShort, kLong}), {.max_new_tokens = 4, .beams = {.size = 2}}, {});
              }).find(expected),
              std::string::npos);
  }
}

TEST(Decode, EndTokenStopsARowAndTheLoop) {
  const auto molmo = make_tiny();
  const std::vector<int64_t> free = decode(*molmo, rows({kLong}), {.max_new_tokens = 6}, {}).tokens[0];
  const int64_t eos = free[2];
  const size_t first = static_cast<size_t>(std::find(free.begin(), free.end(), eos) - free.begin());
  const DecodeResult result = decode(*molmo, rows({kLong}), {.max_new_tokens = 6, .eos = eos}, {});
  EXPECT_EQ(result.tokens[0], std::vector<int64_t>(free.begin(), free.begin() + static_cast<ptrdiff_t>(first) + 1));
  EXPECT_EQ(result.num_passes, static_cast<int64_t>(first) + 1);
  const DecodeResult later = decode(*molmo, rows({kLong}), {.max_new_tokens = 6, .min_new_tokens = 6, .eos = eos}, {});
  EXPECT_EQ(std::count(later.tokens[0].begin(), later.tokens[0].end(), eos), 0);
}

TEST(Decode, RowsThatEndLeaveTheOthersAsTheyWouldBeAlone) {
  const auto molmo = make_tiny();
  const std::vector<std::vector<int64_t>> texts = {kShort, kLong, {2, 40, 41}, {2, 8}, {2, 50, 51, 52, 53}};
  DecodeOptions options{.max_new_tokens = 12, .sampling = {.temperature = 1.0, .seed = 5}};
  const DecodeResult free = decode(*molmo, rows(texts), options, {});
  for (const size_t first : {0, 2, 4}) {  // the row whose second token ends it, and whatever else has that token
    options.eos = free.tokens[first][1];
    const DecodeResult together = decode(*molmo, rows(texts), options, {});
    for (size_t row = 0; row < texts.size(); ++row) {
      DecodeOptions own = options;
      own.sampling.first_row = row;
      const DecodeResult alone = decode(*molmo, rows({texts[row]}), own, {});
      EXPECT_EQ(together.tokens[row], alone.tokens[0]) << first << " " << row;
      EXPECT_NEAR(together.log_probs[row], alone.log_probs[0], 2e-5);
    }
  }
}

TEST(Decode, BlockedNgramsComeOnce) {
  const auto molmo = make_tiny();
  const std::vector<int64_t> tokens =
      decode(*molmo, rows({kLong}), {.max_new_tokens = 40, .block_ngram = 2}, {}).tokens[0];
  std::set<std::pair<int64_t, int64_t>> pairs;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) EXPECT_TRUE(pairs.emplace(tokens[i], tokens[i + 1]).second) << i;
}

TEST(Decode, StreamsEveryTokenOnce) {
  const auto molmo = make_tiny();
  std::vector<std::vector<int64_t>> streamed(2);
  const DecodeResult result =
      decode(*molmo, rows({kShort, kLong}), {.max_new_tokens = 5}, {}, [&](size_t row, int64_t token) {
        streamed[row].push_back(token);
        return true;
      });
  EXPECT_EQ(streamed, result.tokens);
}

TEST(Decode, OverflowSaysHowLongThePromptIs) {
  const auto molmo = make_tiny();
  try {
    decode(*molmo, rows({kLong}), {.max_new_tokens = 128}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[generate] prompt of 7 tokens (of which 0 hold image features) and 128 new ones, expected at most "
                 "128 in total");
  }
}

TEST(Decode, SamplesDependOnSeedAndRowOnly) {
  const auto molmo = make_tiny();
  const DecodeOptions options{.max_new_tokens = 12,
                              .sampling = {.temperature = 1.5, .top_k = 20, .top_p = 0.95, .seed = 3}};
  const DecodeResult both = decode(*molmo, rows({kLong, kShort}), options, {});
  EXPECT_EQ(decode(*molmo, rows({kLong, kShort}), options, {}).tokens, both.tokens);
  EXPECT_EQ(decode(*molmo, rows({kLong}), options, {}).tokens[0], both.tokens[0]);  // whatever else is in the batch
  DecodeOptions other = options;
  other.sampling.seed = 4;
  EXPECT_NE(decode(*molmo, rows({kLong}), other, {}).tokens[0], both.tokens[0]);
  DecodeOptions sharp = options;
  sharp.sampling.top_k = 1;
  EXPECT_EQ(decode(*molmo, rows({kLong}), sharp, {}).tokens,
            decode(*molmo, rows({kLong}), {.max_new_tokens = 12}, {}).tokens);
}

TEST(Decode, SharedPrefixesAnswerAsWholeRowsDo) {
  const auto molmo = make_tiny();
  std::vector<std::vector<int64_t>> texts = {{2, 30, 31, 32, 7}, {2, 30, 31, 32, 9, 11, 12}, {2, 30, 31, 32, 40, 41}};
  const DecodeResult whole = decode(*molmo, rows(texts), {.max_new_tokens = 8}, {});
  const DecodeResult shared = decode(*molmo, rows(texts), {.max_new_tokens = 8, .num_shared_tokens = 4}, {});
  EXPECT_EQ(shared.tokens, whole.tokens);
  for (size_t row = 0; row < texts.size(); ++row) EXPECT_NEAR(shared.log_probs[row], whole.log_probs[row], 2e-5);
  // As on a GPU: rows are planned, and the prefix is none of them.
  const tensor::ScopedSequenceKernel kernel(testing::kCpuSequenceKernel);
  model::ModelInputs planned = rows(texts);
  planned.sequences = model::plan_rows(planned.input_ids, {}, at::kCPU);
  const DecodeResult by_sequences = decode(*molmo, planned, {.max_new_tokens = 8, .num_shared_tokens = 4}, {});
  EXPECT_EQ(by_sequences.tokens, whole.tokens);
}

TEST(Sampler, DrawsAsOftenAsTheProbabilitiesSay) {
  const Tensor log_probs = at::log(at::tensor({0.5f, 0.3f, 0.15f, 0.05f}));
  const SamplingOptions options{.temperature = 1.0, .top_k = {}, .top_p = 0.75, .seed = 9};  // the third is cut off
  Sampler sampler(options, 0);
  std::vector<int> counts(4);
  for (int i = 0; i < 8000; ++i) ++counts[static_cast<size_t>(sampler(log_probs))];
  EXPECT_NEAR(counts[0] / 8000.0, 0.625, 0.02);
  EXPECT_EQ(counts[2] + counts[3], 0);
}

Tensor kept(const Tensor& log_probs, SamplingOptions options) {
  options.temperature = 1.0;
  return sampling_probabilities(log_probs, options);
}

TEST(SamplingProbabilities, EdgesOfTopKAndTopP) {
  const Tensor probs = at::tensor({0.5f, 0.3f, 0.15f, 0.05f, 0.05f, 0.15f, 0.3f, 0.5f}).view({2, 4});
  const Tensor log_probs = at::log(probs);
  const auto expect = [](const Tensor& got, std::vector<float> first_row) {  // the second row mirrors the first
    const Tensor row = at::tensor(first_row);
    EXPECT_TRUE(at::allclose(got[0], row, 1e-5, 1e-6)) << got;
    EXPECT_TRUE(at::allclose(got[1], row.flip(0), 1e-5, 1e-6)) << got;
  };
  expect(kept(log_probs, {}), {0.5f, 0.3f, 0.15f, 0.05f});
  expect(kept(log_probs, {.top_k = 1}), {1, 0, 0, 0});
  expect(kept(log_probs, {.top_k = 2}), {0.625f, 0.375f, 0, 0});
  expect(kept(log_probs, {.top_k = 400}), {0.5f, 0.3f, 0.15f, 0.05f});  // more than there are
  expect(kept(log_probs, {.top_p = 1e-9}), {1, 0, 0, 0});               // never none
  expect(kept(log_probs, {.top_p = 0.0}), {1, 0, 0, 0});
  expect(kept(log_probs, {.top_p = 1.0}), {0.5f, 0.3f, 0.15f, 0.05f});
  expect(kept(log_probs, {.top_p = 0.6}), {0.625f, 0.375f, 0, 0});
  // Of the two most probable the first has 0.625: enough for 0.6, though not of all four.
  expect(kept(log_probs, {.top_k = 2, .top_p = 0.6}), {1, 0, 0, 0});
  const Tensor ties = at::zeros({1, 4});
  EXPECT_TRUE(at::allclose(kept(ties, {.top_k = 2}), at::tensor({0.5f, 0.5f, 0.0f, 0.0f}).unsqueeze(0)));
}

TEST(SamplingProbabilities, TemperaturesFromTinyToHuge) {
  const Tensor log_probs = at::log(at::tensor({0.1f, 0.6f, 0.3f})).unsqueeze(0);
  EXPECT_TRUE(at::allclose(sampling_probabilities(log_probs, {.temperature = 1e-6}),
                           at::tensor({0.0f, 1.0f, 0.0f}).unsqueeze(0)));
  EXPECT_TRUE(at::allclose(sampling_probabilities(log_probs, {.temperature = 1e6}), at::full({1, 3}, 1.0 / 3), 1e-4));
  EXPECT_TRUE(at::allclose(sampling_probabilities(log_probs, {.temperature = 0.5}),
                           at::tensor({0.01f, 0.36f, 0.09f}).unsqueeze(0) / 0.46, 1e-4));
}

TEST(Sampler, RowsDrawIndependently) {
  const Tensor log_probs = at::log(at::full({16}, 1.0 / 16));
  const SamplingOptions options{.temperature = 1.0, .top_k = {}, .top_p = {}, .seed = 2};
  std::vector<std::vector<int64_t>> draws(3);
  for (size_t row = 0; row < draws.size(); ++row) {
    Sampler sampler(options, row);
    for (int i = 0; i < 40; ++i) draws[row].push_back(sampler(log_probs));
  }
  EXPECT_NE(draws[0], draws[1]);
  EXPECT_NE(draws[1], draws[2]);
  Sampler again(options, 1);
  for (const int64_t token : draws[1]) EXPECT_EQ(again(log_probs), token);
}

TEST(BeamSearch, OneBeamIsGreedyAndMoreFindNoLess) {
  const auto molmo = make_tiny();
  const DecodeResult greedy = decode(*molmo, rows({kShort, kLong}), {.max_new_tokens = 6}, {});
  const BeamResult one = search_beams(*molmo, rows({kShort, kLong}), {.max_new_tokens = 6}, {});
  const BeamResult many = search_beams(*molmo, rows({kShort, kLong}), {.max_new_tokens = 6, .beams = {.size = 8}}, {});
  for (size_t row = 0; row < 2; ++row) {
    EXPECT_EQ(one.rows[row][0].tokens, greedy.tokens[row]);
    EXPECT_NEAR(one.rows[row][0].log_prob, greedy.log_probs[row], 2e-5);
    EXPECT_EQ(many.rows[row].size(), 8u);
    EXPECT_GE(many.rows[row][0].score, greedy.log_probs[row] - 2e-5);
  }
}

// Beams of unequal length: a penalty above 1 puts longer ones first that have a smaller sum.
TEST(BeamSearch, LengthPenaltyDecidesTheOrder) {
  const auto molmo = make_tiny();
  DecodeOptions options{.max_new_tokens = 6, .beams = {.size = 6}};
  options.eos = search_beams(*molmo, rows({kShort, kLong}), options, {}).rows[1][0].tokens[2];  // so that some end
  const std::vector<std::vector<Beam>> plain = search_beams(*molmo, rows({kShort, kLong}), options, {}).rows;
  bool has_other_order = false;
  for (const double penalty : {0.5, 1.0, 2.0, 4.0}) {
    options.beams.length_penalty = penalty;
    const std::vector<std::vector<Beam>> ranked = search_beams(*molmo, rows({kShort, kLong}), options, {}).rows;
    for (size_t row = 0; row < ranked.size(); ++row) {
      for (size_t i = 0; i < ranked[row].size(); ++i) {
        const Beam& beam = ranked[row][i];
        EXPECT_NEAR(beam.score, beam.log_prob / std::pow(static_cast<double>(beam.tokens.size()), penalty), 1e-12);
        EXPECT_GE(ranked[row][i > 0 ? i - 1 : 0].score, beam.score);
      }
      EXPECT_EQ(plain[row][0].score, plain[row][0].log_prob);
      has_other_order |= ranked[row][0].tokens != plain[row][0].tokens;
    }
  }
  EXPECT_TRUE(has_other_order);
}

TEST(BeamSearch, RowsFindWhatTheyFindAlone) {
  const auto molmo = make_tiny();
  DecodeOptions options{.max_new_tokens = 6, .block_ngram = 2, .beams = {.size = 4}};
  options.eos = search_beams(*molmo, rows({kShort}), options, {}).rows[0][0].tokens[1];
  const std::vector<std::vector<int64_t>> texts = {kShort, kLong, {2, 40, 41}};
  const BeamResult together = search_beams(*molmo, rows(texts), options, {});
  for (size_t row = 0; row < texts.size(); ++row) {
    const std::vector<Beam> own = search_beams(*molmo, rows({texts[row]}), options, {}).rows[0];
    for (size_t i = 0; i < own.size(); ++i) {
      EXPECT_EQ(together.rows[row][i].tokens, own[i].tokens) << row << " " << i;
      EXPECT_NEAR(together.rows[row][i].log_prob, own[i].log_prob, 2e-5);
    }
  }
}

TEST(BeamSearch, TooManyBeamsAreRefused) {
  const auto molmo = make_tiny();
  const int64_t classes = molmo->config().decoder.embedding_size;
  EXPECT_EQ(testing::error_of([&] { search_beams(*molmo, rows({kShort}), {.beams = {.size = classes + 1}}, {}); }),
            fmt::format("[generate] {} beams with {} candidates each, expected from 1 to the {} classes", classes + 1,
                        classes + 1, classes));
}

// Tokens are single bytes.
class ByteTokenizer : public text::Tokenizer {
 public:
  std::vector<int64_t> encode(std::string_view text) const override { return {text.begin(), text.end()}; }
  std::string decode(std::span<const int64_t> ids, bool) const override { return {ids.begin(), ids.end()}; }
  std::string token_bytes(int64_t id) const override { return std::string(1, static_cast<char>(id)); }
  int64_t size() const override { return 256; }
  int64_t added_token_id(std::string_view) const override { return -1; }
};

std::string shown_of(const std::string& text, const std::vector<std::string>& stop, bool& has_stopped) {
  TextStream stream(std::make_shared<ByteTokenizer>(), stop);
  std::string shown;
  for (const char c : text) shown += stream.push(c);
  shown += stream.finish();
  has_stopped = stream.has_stopped();
  return shown;
}

TEST(TextStream, StopTextsAreNeverShown) {
  bool has_stopped = false;
  EXPECT_EQ(shown_of("one User: two", {"User:"}, has_stopped), "one ");
  EXPECT_TRUE(has_stopped);
  EXPECT_EQ(shown_of("one User", {"User:"}, has_stopped), "one User");  // only its beginning came
  EXPECT_FALSE(has_stopped);
  EXPECT_EQ(shown_of("aabaac!", {"aac", "xyz"}, has_stopped), "aab");
  EXPECT_EQ(shown_of("plain", {}, has_stopped), "plain");
}

}  // namespace
}  // namespace molmo::generate
