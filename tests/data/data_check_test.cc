// SPDX-License-Identifier: Apache-2.0
#include "data/data_check.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "image/encode.h"
#include "support/paths.h"

namespace molmo::data {
namespace {

class DataCheckTest : public ::testing::Test {
 protected:
  DataCheckTest() {
    image::save_picture(folder_ / "1.png", image::Picture(40, 30));
    image::save_picture(folder_ / "2.png", image::Picture(40, 30));
    const std::string bytes = read_text_file(folder_ / "2.png");
    write_file_atomically(folder_ / "cut.png", bytes.substr(0, 20));
  }
  DataCheck check(const std::string& lines, DataCheckOptions options = {}) {
    write_file_atomically(folder_ / "data.jsonl", lines);
    return check_data(read_own_data(folder_.path()), options);
  }
  molmo::testing::TemporaryFolder folder_;
};

TEST_F(DataCheckTest, CountsWhatSplitsAndLabelsHold) {
  const DataCheck found = check(
      R"({"image": "1.png", "caption": "c", "points": [{"label": "dogs", "points": [[3, 4], [5, 6]]}, {"label": "Dog", "points": []}]})"
      "\n"
      R"({"image": "2.png", "split": "test", "qa": [{"q": "q", "a": "a"}], "counts": [{"label": "dogs", "count": 1}], "points": [{"label": "dogs", "points": [[1, 2]], "boxes": [[0, 0, 4, 4]]}]})"
      "\n");
  const SplitCounts &train = found.splits.at("train"), &test = found.splits.at("test");
  EXPECT_EQ(train.records, 1);
  EXPECT_EQ(train.captions, 1);
  EXPECT_EQ(train.points, 2);
  EXPECT_EQ(train.absences, 1);
  EXPECT_EQ(test.questions, 1);
  EXPECT_EQ(test.counts, 1);
  EXPECT_EQ(test.boxes, 1);
  EXPECT_EQ(found.labels.at("dogs").records, 2);
  EXPECT_EQ(found.labels.at("dogs").points, 3);
  EXPECT_EQ(found.labels.at("Dog").absences, 1);
  EXPECT_TRUE(found.problems.empty());
  ASSERT_EQ(found.remarks.size(), 1u);
  EXPECT_EQ(found.remarks[0],
            "labels that differ by case or a final s alone count as different kinds: 'Dog' and 'dogs'");
  const std::string text = format_check(found);
  EXPECT_NE(
      text.find(
          "train                 1         1         1            0          0        0       0       2       0\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("dogs                                  2        3        0\n"), std::string::npos) << text;
  EXPECT_EQ(to_json(found).at("labels").at("dogs").at("points"), 3);
}

TEST_F(DataCheckTest, NamesEveryRecordThatIsBad) {
  const DataCheck found = check(R"({"image": "1.png", "points": [{"label": "dogs", "points": [[7600, 4]]}]})"
                                "\n"
                                R"({"image": "cut.png", "caption": "c"})"
                                "\n"
                                R"({"image": "2.png", "points": [{"label": "cats", "points": [[3, 99]]}]})"
                                "\n");
  ASSERT_EQ(found.problems.size(), 3u);
  EXPECT_EQ(found.problems[0],
            "line 1: [data] point of 'dogs' outside the picture, got [7600, 4], expected at most [40, 30]");
  EXPECT_TRUE(found.problems[1].starts_with("line 2: ")) << found.problems[1];
  EXPECT_NE(found.problems[1].find("cut.png"), std::string::npos) << found.problems[1];
  EXPECT_TRUE(found.problems[2].starts_with("line 3: ")) << found.problems[2];
  EXPECT_EQ(found.remarks.back(),
            "no label has an empty list of points: a model that never sees what is absent points at something always");
}

// A file that is whole at its beginning alone shows when it is decoded.
TEST_F(DataCheckTest, DecodesWhereAskedTo) {
  image::Picture noise(64, 64);
  for (size_t i = 0; i < noise.pixels.size(); ++i) noise.pixels[i] = static_cast<uint8_t>(i * i * 31 >> 3);
  image::save_picture(folder_ / "3.png", noise);
  std::string bytes = read_text_file(folder_ / "3.png");
  write_file_atomically(folder_ / "3.png", bytes.substr(0, 60));
  const std::string line = R"({"image": "3.png", "caption": "c"})";
  EXPECT_TRUE(check(line).problems.empty());
  EXPECT_EQ(check(line, {.decodes = true}).problems.size(), 1u);
}

}  // namespace
}  // namespace molmo::data
