// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error_of.h"

namespace molmo {
namespace {

TEST(Yaml, ScalarsHaveTheirTypes) {
  const Json json = parse_yaml(
      "a: 12\nb: 1e-5\nc: true\nd: null\ne: ~\nf: text\ng: '12'\nh: [1, 2.5, x]\ni: {j: False}\nk:\nl: 0x1f\nm: .inf\n",
      "c.yaml");
  EXPECT_EQ(
      json,
      parse_json(
          R"({"a": 12, "b": 1e-5, "c": true, "d": null, "e": null, "f": "text", "g": "12", "h": [1, 2.5, "x"], "i": {"j": false}, "k": null,
                                 "l": "0x1f", "m": ".inf"})",
          "expected"));
}

TEST(Yaml, ErrorsNameThePlace) {
  EXPECT_EQ(testing::error_of([] { parse_yaml("a: 1\nb: [1, 2\nc: 3\n", "c.yaml"); }).substr(0, 13), "[yaml] c.yaml");
  EXPECT_EQ(testing::error_of([] { parse_yaml("a: 1\nb: {c: 2, c: 3}\n", "c.yaml"); }),
            "[yaml] c.yaml:2:11: c: is duplicated in one mapping, expected it once");
  EXPECT_EQ(testing::error_of([] { parse_yaml("[a, b]: 1\n", "c.yaml"); }),
            "[yaml] c.yaml:1:1: a list or mapping as a key, expected text");
  std::string deep(1000, '[');
  EXPECT_NE(testing::error_of([&] { parse_yaml(deep, "c.yaml"); }), "no error");
  std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 12; ++i)
    bomb +=
        fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  EXPECT_EQ(testing::error_of([&] { parse_yaml(bomb, "c.yaml"); }),
            "[yaml] c.yaml: too deep or too large, expected a configuration");
  std::string empties = "a0: &a0 [[], [], [], [], [], [], [], [], [], []]\n";  // not a byte of text
  for (int i = 1; i < 12; ++i)
    empties += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  EXPECT_EQ(testing::error_of([&] { parse_yaml(empties, "c.yaml"); }),
            "[yaml] c.yaml: too deep or too large, expected a configuration");
  std::string long_texts = "a0: &a0 " + std::string(1 << 20, 'x') + "\nb: [";  // few nodes, many bytes
  for (int i = 0; i < 100; ++i) long_texts += "*a0, ";
  EXPECT_EQ(testing::error_of([&] { parse_yaml(long_texts + "]\n", "c.yaml"); }),
            "[yaml] c.yaml: too deep or too large, expected a configuration");
}

}  // namespace
}  // namespace molmo
