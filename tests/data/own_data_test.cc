// SPDX-License-Identifier: Apache-2.0
#include "data/own_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "data/record_examples.h"
#include "molmo/error.h"
#include "support/paths.h"

namespace molmo::data {
namespace {

using config::TrainStage;

// A folder with one (empty) picture "a.png" and the given lines.
class OwnDataTest : public ::testing::Test {
 protected:
  void SetUp() override { write_file_atomically(folder_ / "a.png", "x"); }
  OwnData read(const std::string& lines) {
    write_file_atomically(folder_ / "data.jsonl", lines);
    return read_own_data(folder_.path());
  }
  // The error's text below its first line.
  std::string problems(const std::string& lines) {
    try {
      read(lines);
    } catch (const Error& error) {
      const std::string what = error.what();
      return what.substr(what.find('\n') + 1);
    }
    return "no error";
  }
  Record record(const std::string& fields) { return read("{\"image\": \"a.png\", " + fields + "}").records.at(0); }
  std::vector<std::string> styles(const Record& record, TrainStage stage, std::vector<std::string> annotations = {}) {
    RandomState random(1);
    std::vector<std::string> out;
    for (const Message& message : make_example(record, stage, annotations, random).messages)
      out.push_back(*message.style);
    EXPECT_EQ(has_messages(record, stage, annotations), !out.empty());
    return out;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(OwnDataTest, ReadsEveryField) {
  const OwnData data = read(
      R"({"image": "a.png", "caption": "c", "transcripts": ["t", "u"], "split": "test"})"
      "\n\n"
      R"({"images": ["a.png", "a.png"], "qa": [{"q": "Q", "a": "A"}, {"q": "R", "a": ["B", "C"], "style": "vqa2"}]})"
      "\n"
      R"({"image": "a.png", "unit": "percent", "points": [{"label": "dogs", "points": [[1, 2.5]], "boxes": [[0, 1, 2, 3]]}],)"
      R"( "counts": [{"label": "dogs", "count": 1}], "choices": [{"q": "Q", "options": ["x", "y"], "answer": 1}],)"
      R"( "objects": [{"kind": "dog", "box": [1, 2, 3, 4]}]})");
  ASSERT_EQ(data.records.size(), 3u);
  EXPECT_EQ(data.records[0].transcripts, (std::vector<std::string>{"t", "u"}));
  EXPECT_EQ(data.records[1].line, 3u);
  EXPECT_EQ(data.records[1].images.size(), 2u);
  EXPECT_EQ(data.records[1].qa[0].style, "short_answer");
  EXPECT_EQ(data.records[1].qa[1].answers, (std::vector<std::string>{"B", "C"}));
  EXPECT_TRUE(data.records[2].points[0].is_percent);
  EXPECT_EQ(data.records[2].points[0].boxes[0], (Box{0, 1, 2, 3}));
  EXPECT_EQ(data.records[2].choices[0].answer, 1);
  EXPECT_EQ(data.records[2].objects[0].kind, "dog");
  EXPECT_EQ(select_split(data, "test").size(), 1u);
  EXPECT_THROW(select_split(data, "validation"), Error);
}

TEST_F(OwnDataTest, ReportsAllProblemsAtOnce) {
  EXPECT_EQ(problems("{\"image\": \"b.png\", \"captoin\": \"c\"}\n"
                     "{\"caption\": 3}\n"
                     "{\"image\": \"a.png\", \"points\": [{\"points\": [[1, -2]]}], \"counts\": [{\"label\": \"x\", "
                     "\"count\": 1.5}]}\n"
                     "not json\n"
                     "[1]\n"),
            "  line 1, captoin: unknown key (did you mean 'caption'?)\n"
            "  line 1, image: no such picture: " +
                (folder_ / "b.png").string() +
                "\n"
                "  line 2, image: missing, expected a file name\n"
                "  line 2, caption: got 3, expected text\n"
                "  line 3, points[0].label: missing, expected text\n"
                "  line 3, points[0].points[0]: got [1,-2], expected 2 numbers from 0 to 1000000\n"
                "  line 3, counts[0].count: got 1.5, expected an integer of at least 0\n"
                "  line 4: not valid JSON, syntax error while parsing value - invalid literal; last read: 'no'\n"
                "  line 5: got [1], expected an object");
}

TEST_F(OwnDataTest, ShowsTheFirstTwentyProblems) {
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "{}\n";
  const std::string text = problems(lines);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_TRUE(text.ends_with("\n  ... and 10 more"));
}

TEST_F(OwnDataTest, CountsMustMatchTheirPoints) {
  EXPECT_EQ(
      problems(
          R"({"image": "a.png", "points": [{"label": "dogs", "points": [[1, 2]]}], "counts": [{"label": "dogs", "count": 2}]})"),
      "  line 1, counts[0].count: got 2, but 'dogs' has 1 points");
}

TEST_F(OwnDataTest, CaptionStageTakesTheCaptionAndOneTranscript) {
  const Record r = record(R"("caption": "c", "transcripts": ["t", "u"], "qa": [{"q": "Q", "a": "A"}])");
  EXPECT_EQ(styles(r, TrainStage::kCaption), (std::vector<std::string>{"long_caption", "transcript"}));
  EXPECT_EQ(styles(r, TrainStage::kCaption, {"transcript"}), std::vector<std::string>{"transcript"});
  EXPECT_EQ(styles(r, TrainStage::kCaption, {"qa"}), std::vector<std::string>{});
  std::set<std::string> drawn;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    RandomState random(seed);
    drawn.insert(*make_example(r, TrainStage::kCaption, {}, random).messages[1].text);
  }
  EXPECT_EQ(drawn.size(), 2u);
}

TEST_F(OwnDataTest, SftTakesOneMessagePerAnnotation) {
  const Record r = record(
      R"("caption": "c", "transcripts": ["t"], "points": [{"label": "dogs", "points": [[1, 2]]}],)"
      R"( "counts": [{"label": "dogs", "count": 1}, {"label": "cats", "count": 3}], "qa": [{"q": "Q", "a": "A", "style": "vqa2"}],)"
      R"( "choices": [{"q": "Q", "options": ["x", "y"], "answer": 0}])");
  EXPECT_EQ(styles(r, TrainStage::kSft), (std::vector<std::string>{"long_caption", "pointing", "point_count",
                                                                   "short_answer", "vqa2", "multiple_choice"}));
  EXPECT_EQ(styles(r, TrainStage::kSft, {"counts"}), (std::vector<std::string>{"point_count", "short_answer"}));
}

TEST_F(OwnDataTest, PointsOutsideThePictureAreFound) {
  const Record r = record(R"("points": [{"label": "dogs", "points": [[100, 50]]}])");
  check_points_inside(r, {100, 50});
  EXPECT_THROW(check_points_inside(r, {99, 50}), Error);
}

TEST_F(OwnDataTest, EmptyFileNamesAreProblems) {
  EXPECT_NE(problems(R"({"images": [""], "caption": "x"})").find("images[0]: got \"\", expected a file name"),
            std::string::npos)
      << problems(R"({"images": [""], "caption": "x"})");
  EXPECT_NE(problems(R"({"image": "", "caption": "x"})"), "no error");
}

}  // namespace
}  // namespace molmo::data
