// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "molmo/error.h"

namespace molmo {
namespace {

std::string parse_error_of(std::string_view text, RepeatedKeys repeated_keys = RepeatedKeys::kLastWins) {
  try {
    parse_json(text, "a.json", repeated_keys);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Json, MistakeIsNamedWithItsLineAndColumn) {
  EXPECT_TRUE(parse_error_of("{\n  \"a\": 1,\n  b\n}").starts_with("[json] a.json:3:3: not valid JSON"));
}

TEST(Json, DeepNestingIsAnErrorAndNoOverflow) {
  const std::string deep(100000, '[');
  EXPECT_EQ(parse_error_of(deep), "[json] a.json: nested deeper than 256 levels");
  EXPECT_EQ(parse_error_of(std::string(200, '[') + std::string(200, ']')), "");
  EXPECT_EQ(parse_error_of('"' + deep + '"'), "");  // brackets in a text do not nest
}

TEST(Json, RepeatedKeyIsAnErrorWhereAsked) {
  const std::string_view text = R"({"a": {"b": 1}, "c": [{"b": 2}, {"b": 3, "b": 4}]})";
  EXPECT_EQ(parse_error_of(text), "");
  EXPECT_EQ(parse_error_of(text, RepeatedKeys::kError),
            "[json] a.json: key 'b' comes twice in one object, expected it once");
  EXPECT_EQ(parse_error_of(R"({"a": {"a": 1}})", RepeatedKeys::kError), "");
}

}  // namespace
}  // namespace molmo
