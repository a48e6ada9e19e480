// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/choices.h"

namespace molmo {
namespace {

class ObjectReaderTest : public ::testing::Test {
 protected:
  ObjectReader read(const std::string& text) {
    json_ = parse_json(text, "test");
    return ObjectReader(json_, rules_);
  }
  std::string problems() { return std::exchange(problems_, ""); }

  Json json_;
  std::string problems_;
  JsonRules rules_{.on_problem = [this](const std::string& path, const std::string& problem) {
    problems_ += path + ": " + problem + "\n";
  }};
};

TEST_F(ObjectReaderTest, ValuesHaveTheirTypes) {
  const ObjectReader object =
      read(R"({"f": true, "t": "x", "n": 1.5, "i": -3, "l": ["a", "b"], "o": {"k": 1}, "os": [{"k": 2}]})");
  EXPECT_EQ(object.flag("f"), true);
  EXPECT_EQ(object.text("t"), "x");
  EXPECT_EQ(object.number("n"), 1.5);
  EXPECT_EQ(object.integer("i"), -3);
  EXPECT_EQ(object.texts("l"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(object.texts("t", /*allow_single=*/true), std::vector<std::string>{"x"});
  EXPECT_EQ(object.object("o")->integer("k"), 1);
  EXPECT_EQ(object.objects("os").at(0).integer("k"), 2);
  EXPECT_EQ(object.text("absent"), std::nullopt);
  EXPECT_EQ(object.objects("absent").size(), 0u);
  EXPECT_EQ(problems(), "");
}

TEST_F(ObjectReaderTest, MistakesNameTheirPath) {
  const ObjectReader object = read(
      R"({"t": 1, "i": 1.5, "big": 18446744073709551615, "l": ["a", 2], "o": [], "os": [{"k": "x"}, 3], "z": null})");
  EXPECT_EQ(object.text("t"), std::nullopt);
  EXPECT_EQ(object.integer("i", 0), std::nullopt);
  EXPECT_EQ(object.integer("big", 0, 7), std::nullopt);
  EXPECT_EQ(object.texts("l"), std::vector<std::string>{"a"});
  EXPECT_FALSE(object.object("o"));
  for (const ObjectReader& item : object.objects("os")) item.integer("k");
  object.text("z");
  object.require("lost", "text");
  EXPECT_EQ(problems(),
            "t: got 1, expected text\n"
            "i: got 1.5, expected an integer of at least 0\n"
            "big: got 18446744073709551615, expected an integer from 0 to 7\n"
            "l[1]: got 2, expected text\n"
            "o: got [], expected an object\n"
            "os[1]: got 3, expected an object\n"
            "os[0].k: got \"x\", expected an integer\n"
            "z: got null, expected text\n"
            "lost: missing, expected text\n");
}

TEST_F(ObjectReaderTest, NullMayCountAsAbsent) {
  rules_.null_is_absent = true;
  const ObjectReader object = read(R"({"z": null})");
  EXPECT_FALSE(object.has("z"));
  EXPECT_EQ(object.text("z"), std::nullopt);
  EXPECT_EQ(problems(), "");
}

TEST_F(ObjectReaderTest, UnknownKeysAreNamed) {
  read(R"({"captoin": 1, "caption": 2, "zzzzzzzz": 3})").expect_keys({"caption", "points"});
  EXPECT_EQ(problems(), "captoin: unknown key (did you mean 'caption'?)\nzzzzzzzz: unknown key\n");
}

TEST(Choices, NearestNameIsSuggested) {
  EXPECT_EQ(expected_one_of("countin", {"pointing", "counting"}),
            "expected one of pointing, counting (did you mean 'counting'?)");
  EXPECT_EQ(expected_one_of("xyzxyzxyz", {"pointing", "counting"}), "expected one of pointing, counting");
}

}  // namespace
}  // namespace molmo
