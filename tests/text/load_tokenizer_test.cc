// SPDX-License-Identifier: Apache-2.0
// Molmo's extension on real and tiny files; SentencePiece models trained here; the stream decoder.
#include "text/load_tokenizer.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "molmo/error.h"
#include "support/paths.h"
#include "text/tokenizer_bench.h"
#include "text/train_sentencepiece.h"

namespace molmo::text {
namespace {

using Ids = std::vector<int64_t>;

std::string error_of(const std::filesystem::path& folder, const config::TokenizerConfig& config) {
  try {
    load_tokenizer(folder, config);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::string> sentences() {
  const std::string text = make_benchmark_text(60000);
  std::vector<std::string> result;
  for (const std::string_view document : split_documents(text)) {
    size_t begin = 0;
    for (size_t end; (end = document.find('\n', begin)) != std::string_view::npos; begin = end + 1)
      result.emplace_back(document.substr(begin, end - begin));
  }
  return result;
}

TEST(LoadTokenizer, WrongSettingsAreExplained) {
  const auto folder = testing::data_directory() / "tokenizers";
  config::TokenizerConfig config{.file = "olmo_neox.tokenizer.json.gz", .pad_to = 1000, .eos_id = 50279};
  EXPECT_NE(error_of(folder, config).find("has 50280 tokens, more than pad_to = 1000"), std::string::npos)
      << error_of(folder, config);
  config.pad_to.reset();
  config.eos_id = 60000;
  EXPECT_NE(error_of(folder, config).find("bos_id or eos_id is 60000, expected 0 to 50284"), std::string::npos)
      << error_of(folder, config);
  config.kept_added_tokens = Ids{3};
  EXPECT_NE(error_of(folder, config).find("has no added token with id 3"), std::string::npos)
      << error_of(folder, config);
  config.file = "absent.json";
  EXPECT_NE(error_of(folder, config).find("absent.json"), std::string::npos);
}

TEST(LoadTokenizer, FileThatIsNeitherKindIsRefused) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "tokenizer.json", "hello");
  EXPECT_NE(error_of(folder.path(), {}).find("tokenizer.json: not a SentencePiece model"), std::string::npos);
  write_file_atomically(folder / "tokenizer.json", "\x1F\x8B\x08garbage");
  EXPECT_NE(error_of(folder.path(), {}).find("damaged or too large gzip data"), std::string::npos);
}

TEST(SentencePiece, TrainingIsDeterministicAndRoundTrips) {
  const testing::TemporaryFolder folder;
  for (const auto model : {SentencePieceOptions::Model::kBpe, SentencePieceOptions::Model::kUnigram}) {
    SentencePieceOptions options{.vocab_size = 800, .model = model, .user_defined_symbols = {"<point", "a,\"b"}};
    train_sentencepiece(sentences(), options, folder / "a.model");
    train_sentencepiece(sentences(), options, folder / "b.model");
    EXPECT_EQ(read_text_file(folder / "a.model"), read_text_file(folder / "b.model"));
    const MolmoTokenizer molmo = load_tokenizer(folder.path(), {.file = "a.model", .pad_to = 900, .eos_id = 2});
    EXPECT_EQ(molmo.special.im_start, 900);
    EXPECT_EQ(molmo.tokenizer->size(), 905);
    for (const std::string text :
         {"  The red  bicycle 12.5\n", "<im_patch> x <|image|>\xF0\x9F\xA6\x8A", "", " a,\"b"}) {
      const Ids ids = molmo.tokenizer->encode(text);
      EXPECT_EQ(molmo.tokenizer->decode(ids), text);
      StreamDecoder stream(molmo.tokenizer);
      std::string streamed;
      for (const int64_t id : ids) streamed += stream.push(id);
      EXPECT_EQ(streamed + stream.finish(), text);
    }
  }
}

TEST(SentencePiece, ImageTokensInTheModelKeepTheirIds) {
  const testing::TemporaryFolder folder;
  SentencePieceOptions options{.vocab_size = 600};
  for (const std::string_view token : kImageTokens) options.user_defined_symbols.emplace_back(token);
  train_sentencepiece(sentences(), options, folder / "own.model");
  const MolmoTokenizer molmo = load_tokenizer(folder.path(), {.file = "own.model", .eos_id = 2});
  EXPECT_EQ(molmo.special.im_start, 3);
  EXPECT_EQ(molmo.special.image, 7);
  EXPECT_EQ(molmo.tokenizer->size(), 600);
}

TEST(SentencePiece, ImpossibleTrainingIsAnError) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(train_sentencepiece(std::vector<std::string>{"a"}, {.vocab_size = 100}, folder / "x.model"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "x.model"));
}

TEST(StreamDecoder, HoldsBackIncompleteCharactersOnly) {
  const auto tokenizer = load_plain_tokenizer(testing::data_directory() / "tokenizers" / "olmo_neox.tokenizer.json.gz");
  const Ids ids = tokenizer->encode("\xF0\x9F\xA6\x8A!");
  ASSERT_GT(ids.size(), 2u);
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
  std::string text;
  for (const int64_t id : ids) text += stream.push(id);
  EXPECT_EQ(text, "\xF0\x9F\xA6\x8A!");
  EXPECT_EQ(stream.finish(), "");
}

}  // namespace
}  // namespace molmo::text
