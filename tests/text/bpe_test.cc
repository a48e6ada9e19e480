// SPDX-License-Identifier: Apache-2.0
// A tiny byte-level tokenizer.json: added tokens, merges, malformed files. The real ones are in tests/oracles/text.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.h"
#include "base/random.h"
#include "molmo/error.h"
#include "support/paths.h"
#include "text/byte_alphabet.h"
#include "text/load_tokenizer.h"
#include "text/merge_table.h"
#include "text/unicode.h"

namespace molmo::text {
namespace {

using Ids = std::vector<int64_t>;

// 256 byte pieces (id = byte), then "ab" (256) and "abab" (257), in GPT-2's alphabet.
Json tiny_json() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    std::string piece;
    append_utf8(kByteChars[byte], &piece);
    vocab[piece] = byte;
  }
  vocab["ab"] = 256;
  vocab["abab"] = 257;
  return {{"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"added_tokens", Json::array()},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b", Json::array({"ab", "ab"})}}}}};
}

std::shared_ptr<const Tokenizer> parse(const Json& json) { return parse_tokenizer(json.dump(), "t.json"); }

std::string error_of(const std::string& content) {
  try {
    parse_tokenizer(content, "t.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(BpeTokenizer, MergesInBothSpellings) {
  const auto tokenizer = parse(tiny_json());
  EXPECT_EQ(tokenizer->encode("ababab c"), (Ids{257, 256, ' ', 'c'}));
  EXPECT_EQ(tokenizer->decode(Ids{257, 256, 0xC3}), "ababab\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer->encode(""), Ids{});
  EXPECT_THROW(tokenizer->decode(Ids{258}), Error);
  EXPECT_THROW(tokenizer->decode(Ids{-1}), Error);
}

TEST(BpeTokenizer, AddedTokensLeftmostThenLongest) {
  Json json = tiny_json();
  json["added_tokens"] = {{{"id", 258}, {"content", "<x"}, {"special", true}, {"normalized", false}},
                          {{"id", 259}, {"content", "<x>"}, {"special", true}, {"normalized", false}},
                          {{"id", 260}, {"content", "\xC3\xA9!"}, {"special", false}, {"normalized", true}}};
  const auto tokenizer = parse(json);
  EXPECT_EQ(tokenizer->encode("a<x><xb"), (Ids{'a', 259, 258, 'b'}));
  EXPECT_EQ(tokenizer->encode("e\xCC\x81!"), (Ids{260}));               // found after NFC
  EXPECT_EQ(tokenizer->encode("<x>\xCC\x81"), (Ids{259, 0xCC, 0x81}));  // a mark does not join a token
  EXPECT_EQ(tokenizer->decode(Ids{260}),
            "\xEF\xBF\xBD!");  // as in the reference: all its characters are in the byte alphabet
  EXPECT_EQ(tokenizer->decode(Ids{259, 'a'}, /*skip_special=*/true), "a");
  EXPECT_EQ(tokenizer->encode_text("a<x><xb e\xCC\x81!"), (Ids{'a', '<', 'x', '>', '<', 'x', 'b', ' ', 260}));
  EXPECT_EQ(tokenizer->find_special("a<x>"), "<x>");
  EXPECT_EQ(tokenizer->find_special("\xC3\xA9! <y>"), "");
  EXPECT_EQ(tokenizer->added_token_id("<x>"), 259);
  EXPECT_EQ(tokenizer->added_token_id("ab"), -1);
}

TEST(BpeTokenizer, StripAndSingleWordFlags) {
  Json json = tiny_json();
  json["added_tokens"] = {{{"id", 258}, {"content", "<m>"}, {"normalized", false}, {"lstrip", true}, {"rstrip", true}},
                          {{"id", 259}, {"content", "cat"}, {"normalized", false}, {"single_word", true}}};
  const auto tokenizer = parse(json);
  EXPECT_EQ(tokenizer->encode("a  <m> \n<m>b"), (Ids{'a', 258, 258, 'b'}));
  EXPECT_EQ(tokenizer->encode("cat cats"), (Ids{259, ' ', 'c', 'a', 't', 's'}));
}

TEST(BpeTokenizer, MalformedFilesAreErrorsThatNameTheFile) {
  EXPECT_TRUE(
      error_of("{\"model\": {\"vocab\": [}").starts_with("[text] t.json: byte 21: not valid JSON, syntax error"));
  EXPECT_EQ(error_of("{}"), "[text] t.json: model: missing, expected an object");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0}},"model":{}})"),
            "[text] t.json: 'model' is duplicated in one object, expected it once");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0},"vocab":{"a":0}}})"),
            "[text] t.json: 'vocab' is duplicated in one object, expected it once");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0,"a":0},"merges":[]}})"), "[text] t.json: piece 'a' occurs twice");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":"b"}}})"),
            "[text] t.json: model.vocab[\"a\"] is not an id (a non-negative integer)");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":-1}}})"),
            "[text] t.json: model.vocab[\"a\"] is not an id (a non-negative integer)");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":18446744073709551615}}})"),
            "[text] t.json: id 18446744073709551615 of 'a' is far beyond the vocabulary");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0,"b":0}}})"), "[text] t.json: id 0 belongs to both 'a' and 'b'");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0},"merges":["a b"]}})"),
            "[text] t.json: model.merges[0] needs 'b', which is not in model.vocab");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0},"merges":["a"]}})"),
            "[text] t.json: model.merges[0] is not two pieces and one space");
  EXPECT_EQ(error_of(R"({"model":{"vocab":{"a":0},"merges":[]}})"),
            "[text] t.json: the pre-tokenizer has no ByteLevel step: only byte-level BPE is supported");
  EXPECT_EQ(error_of(std::string(R"({"a":)") + std::string(100000, '[')),
            "[text] t.json: nested deeper than 64 levels");
  Json json = tiny_json();
  json["added_tokens"] = {{{"id", 256}, {"content", "x"}}};
  EXPECT_EQ(error_of(json.dump()), "[text] t.json: added token 'x' has id 256, but 120 in model.vocab");
  json["added_tokens"] = {{{"id", 256}, {"content", "xx"}}};
  EXPECT_EQ(error_of(json.dump()), "[text] t.json: id 256 belongs to both 'ab' and 'xx'");
  json = tiny_json();
  json["decoder"] = {{"type", "WordPiece"}};
  EXPECT_EQ(error_of(json.dump()), "[text] t.json: decoder.type: 'WordPiece' is not supported, expected ByteLevel");
  json = tiny_json();
  json["model"]["byte_fallback"] = true;
  EXPECT_EQ(error_of(json.dump()), "[text] t.json: model.byte_fallback: is not supported, expected false");
  json = tiny_json();
  json["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_EQ(error_of(json.dump()),
            "[text] t.json: normalizer.type: normalizer 'Lowercase' is not supported, expected NFC or none");
}

TEST(BpeTokenizer, UnknownPatternGoesThroughOniguruma) {
  Json json = tiny_json();
  const auto split = [](const char* pattern, const char* behavior, bool invert) {
    return Json{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behavior}, {"invert", invert}};
  };
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split("b", "Isolated", false), bytes}}};
  EXPECT_EQ(parse(json)->encode("abab"), (Ids{'a', 'b', 'a', 'b'}));
  json["pre_tokenizer"]["pretokenizers"][0] = split("\\s+", "Removed", false);
  EXPECT_EQ(parse(json)->encode("ab ab"), (Ids{256, 256}));
  json["pre_tokenizer"]["pretokenizers"][0] = split("[ab]+", "Removed", true);
  EXPECT_EQ(parse(json)->encode("ab.abab"), (Ids{256, 257}));
}

// The reference rule, spelled out: the pair of lowest rank, leftmost first, again and again.
std::vector<uint32_t> merge_slowly(const std::vector<Merge>& merges, std::vector<uint32_t> ids) {
  for (;;) {
    size_t best_rank = merges.size(), place = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (merges[rank].left == ids[i] && merges[rank].right == ids[i + 1]) best_rank = rank, place = i;
      }
    }
    if (best_rank == merges.size()) return ids;
    ids[place] = merges[best_rank].result;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
}

TEST(MergeTable, ShortAndLongWordsFollowTheRule) {
  RandomState random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<Merge> merges;
    for (uint32_t result = 3; result < 40; ++result) {
      const Merge merge{static_cast<uint32_t>(random.randint(0, result)),
                        static_cast<uint32_t>(random.randint(0, result)), result};
      const bool known = std::any_of(merges.begin(), merges.end(),
                                     [&](const Merge& m) { return m.left == merge.left && m.right == merge.right; });
      if (!known) merges.push_back(merge);
    }
    const MergeTable table(merges);
    std::vector<uint32_t> ids(static_cast<size_t>(random.randint(0, 300)));
    for (uint32_t& id : ids) id = static_cast<uint32_t>(random.randint(0, 3));
    const std::vector<uint32_t> expected = merge_slowly(merges, ids);
    ids.resize(table.merge(ids));
    ASSERT_EQ(ids, expected);
  }
}

// More words than a thread remembers at a time: it forgets them all and goes on (word_cache_test.cc).
TEST(BpeTokenizer, WordsBeyondTheMemoryOfWordsKeepTheirIds) {
  const auto tokenizer = parse(tiny_json());
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string text;
  for (const char a : kLetters)
    for (const char b : kLetters)
      for (const char c : kLetters) text += {' ', a, b, c};  // 140,608 words: more than there are slots
  const Ids first = tokenizer->encode(text), again = tokenizer->encode(text);
  EXPECT_EQ(tokenizer->decode(first), text);
  EXPECT_EQ(again, first);
}

TEST(BpeTokenizer, ThreadsShareOneTokenizer) {
  const auto tokenizer = load_plain_tokenizer(testing::data_directory() / "tokenizers" / "olmo_neox.tokenizer.json.gz");
  const std::string text =
      "Point to the red bicycle.   <point x=\"10.5\" y=\"3.0\" alt=\"bicycle\">bicycle</point> caf\xC3\xA9";
  const Ids expected = tokenizer->encode(text);
  std::vector<std::thread> threads;
  std::array<int, 4> num_equal{};
  for (int& count : num_equal) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) count += tokenizer->encode(text) == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : num_equal) EXPECT_EQ(count, 200);
}

// Taking and giving back what a call works with is most of the work here.
TEST(BpeTokenizer, ThreadsTakeMemoryOfTheirOwn) {
  const auto tokenizer = parse(tiny_json());
  constexpr int kCalls = 400'000;
  std::array<int, 4> num_equal{};
  std::vector<std::thread> threads;
  for (size_t id = 0; id < num_equal.size(); ++id) {
    threads.emplace_back([&, id] {
      const std::string text(1, static_cast<char>('c' + id));
      const Ids expected(1, static_cast<int64_t>('c' + id));
      for (int i = 0; i < kCalls; ++i) num_equal[id] += tokenizer->encode(text) == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : num_equal) EXPECT_EQ(count, kCalls);
}

}  // namespace
}  // namespace molmo::text
