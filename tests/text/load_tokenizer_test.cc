// SPDX-License-Identifier: Apache-2.0
// Molmo's extension on real and tiny files; SentencePiece models trained here; the stream decoder.
#include "text/load_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/files.h"
#include "molmo/error.h"
#include "support/error_of.h"
#include "support/paths.h"
#include "text/sentencepiece_tokenizer.h"
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

TEST(SentencePiece, SpecialTextStaysText) {
  const testing::TemporaryFolder folder;
  train_sentencepiece(sentences(), SentencePieceOptions{.vocab_size = 600}, folder / "own.model");
  const MolmoTokenizer molmo = load_tokenizer(folder.path(), {.file = "own.model", .pad_to = 610, .eos_id = 2});
  for (const std::string text : {"<|image|>", "a <im_patch> b", "|<EXTRA_TOKENS_0>|"}) {
    const Ids ids = molmo.tokenizer->encode_text(text);
    EXPECT_TRUE(std::all_of(ids.begin(), ids.end(), [](int64_t id) { return id < 600; })) << text;
    EXPECT_EQ(molmo.tokenizer->decode(ids), text);
    EXPECT_FALSE(molmo.tokenizer->find_special(text).empty());
    EXPECT_LT(molmo.tokenizer->encode(text).size(), ids.size());
  }
  EXPECT_EQ(molmo.tokenizer->find_special("</s> <im_patch"), "");
}

TEST(SentencePiece, NormalisationTablesStayInsideThemselves) {
  const testing::TemporaryFolder folder;
  train_sentencepiece(sentences(), SentencePieceOptions{.vocab_size = 600}, folder / "own.model");
  const std::string model = read_text_file(folder / "own.model");
  const auto field = [](char tag, const std::string& bytes) {
    return std::string(1, tag) + static_cast<char>((bytes.size() & 0x7F) | 0x80) +
           static_cast<char>(bytes.size() >> 7) + bytes;
  };
  const auto with_table = [&](const std::string& table) {
    return testing::error_of([&] { parse_tokenizer(model + field(0x1A, field(0x12, table)), "m"); });
  };
  // A double array of 256 units, of which `root` is the first, and the texts behind it.
  const auto with_units = [&](uint32_t root, uint32_t edge, const std::string& texts) {
    std::vector<uint32_t> units(256);
    units[0] = root;
    units['a'] = edge;
    std::string table(4 + 4 * units.size(), '\0');
    const auto num_bytes = static_cast<uint32_t>(4 * units.size());
    std::memcpy(table.data(), &num_bytes, 4);
    std::memcpy(table.data() + 4, units.data(), num_bytes);
    return with_table(table + texts);
  };
  const std::string damaged = "[text] m: not a SentencePiece model: damaged normalisation table";
  const uint32_t leaf = 'a' | 1u << 8 | ('a' ^ 2u) << 10;  // ends at unit 2, which holds the value 0
  const std::string texts("b\0", 2);
  EXPECT_EQ(with_units(0, 0, texts), "no error");
  EXPECT_EQ(with_units(0, leaf, texts), "no error");
  EXPECT_EQ(with_units(256u << 10, 0, texts), damaged);                   // the root's edges lie beyond the array
  EXPECT_EQ(with_units(0, 'a' | 1u << 8 | 5000u << 10, texts), damaged);  // an edge leads out
  EXPECT_EQ(with_units(0, leaf, "b"), damaged);                           // a text without its end
  EXPECT_EQ(with_units(0, leaf, ""), damaged);
  EXPECT_EQ(with_table(std::string(4, '\0') + texts), damaged);  // no array at all
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

// Models differ in what becomes of the space in front of a word; after an added token it is that of a new text.
TEST(StreamDecoder, SaysWhatDecodeSaysAfterAddedTokens) {
  int num_models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(testing::golden_directory() / "text/sentencepiece")) {
    if (entry.path().extension() != ".model") continue;
    const auto tokenizer =
        std::make_shared<SentencePieceTokenizer>(read_text_file(entry.path()), entry.path().string());
    tokenizer->add_tokens({{.id = tokenizer->size(), .content = "<added>"}});
    for (const char* text : {"one<added> two", "<added>two<added><added> three", "<added>  four"}) {
      const Ids ids = tokenizer->encode(text);
      StreamDecoder stream(tokenizer);
      std::string streamed;
      for (const int64_t id : ids) streamed += stream.push(id);
      EXPECT_EQ(streamed + stream.finish(), tokenizer->decode(ids)) << entry.path() << ": " << text;
    }
    ++num_models;
  }
  EXPECT_GT(num_models, 0);
}

}  // namespace
}  // namespace molmo::text
