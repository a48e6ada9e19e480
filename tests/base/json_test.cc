// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo {
namespace {

using testing::error_of;
using namespace std::string_literals;

std::string parse_error_of(std::string_view text) {
  return error_of([&] { parse_json(text, "a.json"); });
}

TEST(Json, MistakeIsNamedWithItsLineColumnAndKey) {
  EXPECT_TRUE(
      parse_error_of("{\n  \"a\": 1,\n  b\n}").starts_with("[json] a.json:3:3: a: not valid JSON, syntax error"));
  EXPECT_TRUE(parse_error_of(R"({"a": [{"b": 1}, {"b": tru}]})").starts_with("[json] a.json:1:27: a[1].b: not valid"));
}

TEST(Json, DeepNestingIsAnErrorAndNoOverflow) {
  const std::string deep(100000, '[');
  EXPECT_TRUE(parse_error_of(deep).ends_with("]...: nested deeper than 256 levels")) << parse_error_of(deep);
  EXPECT_EQ(parse_error_of(std::string(256, '[') + std::string(256, ']')), "no error");
  EXPECT_NE(parse_error_of(std::string(257, '[') + std::string(257, ']')), "no error");
  EXPECT_EQ(parse_error_of('"' + deep + '"'), "no error");  // brackets in a text do not nest
  EXPECT_NE(parse_error_of("/*\"*/ {\"a\": " + deep + std::string(100000, ']') + "}"), "no error");
}

TEST(Json, KeysComeOnce) {
  EXPECT_EQ(parse_error_of(R"({"a": {"b": 1}, "c": [{"b": 2}, {"b": 3, "b": 4}]})"),
            "[json] a.json:1:44: c[1].b: is duplicated in one object, expected it once");
  EXPECT_EQ(parse_error_of(R"({"a": {"a": 1}})"), "no error");
  EXPECT_EQ(parse_error_of(R"({"a": 1, "\u0061": 2})"),
            "[json] a.json:1:17: a: is duplicated in one object, expected it once");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += fmt::format("\"{}\": 0, ", i);
  EXPECT_EQ(parse_error_of("{" + many + "\"end\": 0}"), "no error");
  EXPECT_TRUE(
      parse_error_of("{" + many + "\"77777\": 0}").ends_with(": 77777: is duplicated in one object, expected it once"));
}

TEST(Json, NumbersAreFinite) {
  EXPECT_EQ(parse_error_of(R"({"x": [1, NaN]})"), "[json] a.json:1:11: x[1]: got NaN, expected a finite number");
  EXPECT_EQ(parse_error_of("-Infinity"), "[json] a.json:1:2: got -Infinity, expected a finite number");
  EXPECT_EQ(parse_error_of(R"({"x": 1e999})"),
            "[json] a.json:1:12: x: got 1e999, expected a number within the range of double");
  EXPECT_EQ(parse_json("[1e-999, 123456789012345678901234567890]", "a").dump(), "[0.0,1.2345678901234568e+29]");
}

TEST(Json, OtherEncodingsAreNamed) {
  EXPECT_EQ(parse_json("\xEF\xBB\xBF{\"a\": 1}", "a").dump(), R"({"a":1})");
  EXPECT_EQ(parse_error_of("\xFF\xFE{\0}\0"s),
            "[json] a.json: got UTF-16, little endian, expected UTF-8: save the file in that encoding");
  for (const auto& [text, name] : {std::pair("\0{\0}"s, "UTF-16, big endian"),
                                   {"{\0}\0"s, "UTF-16, little endian"},
                                   {"\xFF\xFE\0\0{\0\0\0"s, "UTF-32, little endian"},
                                   {"\0\0\0{"s, "UTF-32, big endian"}}) {
    EXPECT_NE(parse_error_of(text).find(name), std::string::npos) << name << ": " << parse_error_of(text);
  }
  EXPECT_EQ(parse_error_of("{\"a\": \"caf\xE9.\"}"),
            "[json] a.json:1:12: a: byte 0xE9 is not UTF-8 (is the file Latin-1?), expected UTF-8");
  EXPECT_NE(parse_error_of("\"\xED\xA0\x80\""), "no error");  // a surrogate
  EXPECT_NE(parse_error_of("\"\\ud83d\""), "no error");
}

TEST(Json, CutAndGluedTextsAreNamed) {
  EXPECT_EQ(parse_error_of("{\"a\": \"b"),
            "[json] a.json:1:8: a: not valid JSON, the text ends inside a value: is the file cut?");
  EXPECT_EQ(parse_error_of("{\"a\": [1,"),
            "[json] a.json:1:9: a[1]: not valid JSON, the text ends inside a value: is the file cut?");
  EXPECT_EQ(parse_error_of("{}{}"), "[json] a.json:1:3: not valid JSON, something follows the value, expected the end");
  EXPECT_NE(parse_error_of(""), "no error");
  EXPECT_LT(parse_error_of("{\"a\": \"" + std::string(1 << 20, 'x')).size(), 300u);
  for (const std::string& error : {parse_error_of("{“a”: 1}"), parse_error_of("[tru\xE9]")})
    EXPECT_NO_THROW(Json(error).dump()) << "not UTF-8: " << error;
}

TEST(Json, LinesAreReadOneByOne) {
  const testing::TemporaryFolder folder;
  const auto lines = [&](const std::string& text) {
    write_file_atomically(folder / "l.jsonl", text);
    std::string seen;
    const std::string error = error_of(
        [&] {
          for_each_json_line(folder / "l.jsonl", [&](size_t number, const Json& json) {
            seen += fmt::format("{}:{} ", number, json.dump());
          });
        },
        folder.path().string());
    return error == "no error" ? seen : error;
  };
  EXPECT_EQ(lines("\xEF\xBB\xBF{\"a\":1}\r\n\r\n[2]\r\n 3"), "1:{\"a\":1} 3:[2] 4:3 ");
  EXPECT_EQ(lines("{}\n{\"a\": 1} {\"a\": 2}\n"),
            "[json] l.jsonl:2:10: not valid JSON, something follows the value, expected one object a line");
  EXPECT_EQ(lines("{}\n{\"a\":"),
            "[json] l.jsonl:2:5: a: not valid JSON, the line ends inside a value, expected one whole object a line");
  EXPECT_EQ(lines("{\0}\0\n\0"s),
            "[json] l.jsonl: got UTF-16, little endian, expected UTF-8: save the file in that encoding");
}

TEST(Json, BriefIsShort) {
  EXPECT_EQ(brief(Json{{"a", 1}}), "an object");
  EXPECT_EQ(brief(Json{1, "b"}), R"([1,"b"])");
  EXPECT_EQ(brief(Json{{1}, {2}}), "a list of 2");
  const std::string text = brief(Json(std::string(200, '\xC3') + std::string(60, 'x')));
  EXPECT_LE(text.size(), 83u);
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ä";
  EXPECT_NO_THROW(Json(brief(Json(umlauts))).dump());
}

}  // namespace
}  // namespace molmo
