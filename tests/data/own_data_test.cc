// SPDX-License-Identifier: Apache-2.0
#include "data/own_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "data/places.h"
#include "data/record_examples.h"
#include "molmo/error.h"
#include "support/error_of.h"
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
  EXPECT_EQ(data.records[2].points[0].boxes[0], (geometry::Box{0, 1, 2, 3}));
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
                     "[1]\n"
                     R"({"image": "a.png", "image": "a.png"})"
                     "\n"
                     R"({"image": "a.png", "points": [{"label": "x", "points": [[1, NaN]]}]})"),
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
                "  line 5: got [1], expected an object\n"
                "  line 6, image: is duplicated in one object, expected it once\n"
                "  line 7, points[0].points[0][1]: got NaN, expected a finite number");
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

TEST_F(OwnDataTest, ACountTakesThePointsOfItsOwnLabel) {
  const Record r =
      record(R"("points": [{"label": "dogs", "points": [[1, 2]]}, {"label": "cats", "points": [[3, 4], [5, 6]]}],)"
             R"( "counts": [{"label": "cats", "count": 2}])");
  RandomState random(1);
  const std::string only_counts[] = {"counts"};
  const std::vector<Message> messages = make_example(r, TrainStage::kSft, only_counts, random).messages;
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].label, "cats");
  EXPECT_EQ(messages[0].points->points, (std::vector<geometry::Point>{{3, 4}, {5, 6}}));
}

TEST_F(OwnDataTest, PointsOutsideThePictureAreFound) {
  const Record r = record(R"("points": [{"label": "dogs", "points": [[100, 50]]}])");
  check_places(r, {100, 50});
  EXPECT_THROW(check_places(r, {99, 50}), Error);
  const Record percent =
      record(R"("points": [{"label": "dogs", "unit": "percent", "points": [[50, 50]], "boxes": [[40, 40, 60, 60]]}])");
  check_places(percent, {100, 100});
  check_places(percent, {124, 100});  // 2 pixels beside the box: whole percents are that coarse
  EXPECT_EQ(
      testing::error_of([&] {
        check_places(percent, {200, 100});
      }),
      "[data] box of 'dogs' does not hold its point, got [40, 40, 60, 60] in pixels for [50, 50] percent of 200x100");
  const Record object = record(R"("objects": [{"kind": "dog", "box": [1, 2, 30, 40]}])");
  check_places(object, {29, 39});
  EXPECT_EQ(testing::error_of([&] {
              check_places(object, {28, 40});
            }),
            "[data] box of 'dog' outside the picture, got [1, 2, 30, 40], expected at most [28, 40]");
  const Record two =
      record(R"("points": [{"label": "dogs", "points": [[1, 2]]}, {"label": "cats", "points": [[3, 4], [5, 60]]}])");
  check_places(two, {5, 60});
  EXPECT_THROW(check_places(two, {5, 59}), Error);
}

TEST_F(OwnDataTest, ABoxHoldsItsPoint) {
  const auto with = [&](const char* point, const char* box, const char* unit = "pixel") {
    return problems(fmt::format(
        R"({{"image": "a.png", "points": [{{"label": "x", "unit": "{}", "points": [{}], "boxes": [{}]}}]}})", unit,
        point, box));
  };
  EXPECT_EQ(with("[10, 10]", "[20, 5, 40, 20]"),
            "  line 1, points[0].boxes[0]: got [20, 5, 40, 20], which does not hold its point [10, 10]");
  EXPECT_EQ(with("[10, 10]", "[10, 10, 10, 10]"), "no error");
  EXPECT_EQ(with("[10.4, 10]", "[11, 10, 12, 12]"), "no error");  // both rounded
  EXPECT_EQ(with("[10, 10]", "[20, 5, 5, 20]"), "  line 1, points[0].boxes[0]: expected x0 <= x1 and y0 <= y1");
  // One fault is said once, although nothing holds what was not read.
  EXPECT_EQ(with("[10, 10]", "[5, -5, 20, 20]"),
            "  line 1, points[0].boxes[0]: got [5,-5,20,20], expected 4 numbers from 0 to 1000000");
  EXPECT_EQ(with("[-10, 10]", "[5, 5, 20, 20]"),
            "  line 1, points[0].points[0]: got [-10,10], expected 2 numbers from 0 to 1000000");
  EXPECT_EQ(with("[10, 10]", "[300, 300, 400, 400]", "percent"), "no error");  // the picture's size decides
  EXPECT_EQ(with("[10, 10], [50, 50]", "[5, 5, 15, 15], [10, 10, 20, 20]"),
            "  line 1, points[0].boxes[1]: got [10, 10, 20, 20], which does not hold its point [50, 50]");
}

TEST_F(OwnDataTest, AListOfRecordsIsNamedOnce) {
  EXPECT_EQ(problems("[\n {\n  \"image\": \"a.png\"\n }\n]"),
            "  line 1: got a list, expected JSON Lines: one object a line, without a list around them");
  EXPECT_EQ(problems(R"([{"image": "a.png", "caption": "c"}])"),
            "  line 1: got a list, expected JSON Lines: one object a line, without a list around them");
}

TEST_F(OwnDataTest, OtherEncodingsAreRefused) {
  const std::string line = R"({"image": "a.png", "caption": "c"})";
  EXPECT_EQ(read("\xEF\xBB\xBF" + line + "\r\n\r\n" + line + "\r\n").records.at(1).line, 3u);
  EXPECT_NE(problems("{\"image\": \"a.png\", \"caption\": \"caf\xE9\"}").find("byte 0xE9 is not UTF-8"),
            std::string::npos);
  std::string wide = "\xFF\xFE";
  for (const char c : line + "\n") wide += {c, '\0'};
  EXPECT_EQ(testing::error_of([&] { read(wide); }, folder_.path().string()),
            "[json] data.jsonl: got UTF-16, little endian, expected UTF-8: save the file in that encoding");
}

TEST_F(OwnDataTest, RemarksCountWhatIsSeldomMeant) {
  write_file_atomically(folder_ / "b.png", "x");
  const std::string point = R"("points": [{"label": "x", "unit": "percent", "points": [)";
  EXPECT_EQ(
      read(R"({"image": "a.png"})"
           "\n"
           R"({"image": "b.png", )" +
           point +
           "[0.4, 0.9], [0.1, 1]]}]}\n"
           R"({"image": "b.png", )" +
           point +
           "[0.4, 0.9], [0.1, 2]]}]}\n"
           R"({"image": "a.png", "caption": "c", "split": "test"})")
          .remarks,
      (std::vector<std::string>{
          "1 of 4 records hold no annotation: nothing is learnt from them (first: line 1)",
          "1 of 4 records have all their points in the first percent, expected percents from 0 to 100: were fractions "
          "meant? (first: line 2)",
          "2 of 4 records name a picture that an earlier record names: one record can hold all annotations of a "
          "picture (first: line 3)",
          "1 pictures are in more than one split (first: line 4: a.png, in 'train' and 'test')"}));
  EXPECT_EQ(read(R"({"image": "a.png", "caption": "c"})").remarks, std::vector<std::string>{});
}

TEST_F(OwnDataTest, FingerprintKnowsWhichPictureHasWhichSize) {
  const auto with = [&](const char* a, const char* b) {
    write_file_atomically(folder_ / "a.png", a);
    write_file_atomically(folder_ / "b.png", b);
    return read("{\"image\": \"a.png\", \"caption\": \"c\"}\n{\"image\": \"b.png\", \"caption\": \"c\"}\n").fingerprint;
  };
  const Fingerprint first = with("x", "yyy"), swapped = with("xxx", "y");
  EXPECT_EQ(first.picture_bytes, swapped.picture_bytes);
  EXPECT_FALSE(first == swapped);
}

TEST_F(OwnDataTest, FingerprintFollowsTextAndPictures) {
  const std::string line = R"({"image": "a.png", "caption": "c"})"
                           "\n";
  const Fingerprint first = read(line).fingerprint;
  EXPECT_EQ(first.num_bytes, static_cast<int64_t>(line.size()));
  EXPECT_EQ(first.num_pictures, 1);
  EXPECT_EQ(first.picture_bytes, 1);
  EXPECT_EQ(read(line).fingerprint, first);
  EXPECT_EQ(fingerprint(folder_.path()), first);
  EXPECT_EQ(fingerprint_from_json(parse_json(to_json(first).dump(), "f"), "f"), first);
  EXPECT_EQ(describe_difference(first, first, "before"), "");
  EXPECT_EQ(describe_difference(read(line + line).fingerprint, first, "before"),
            "data.jsonl has 70 bytes, before 35; it names 2 pictures, before 1");
  EXPECT_EQ(describe_difference(read(R"({"image": "a.png", "caption": "d"})"
                                     "\n")
                                    .fingerprint,
                                first, "before"),
            "data.jsonl has other text of the same length (before " + first.records.substr(0, 8) + "...)");
  write_file_atomically(folder_ / "a.png", "xx");
  EXPECT_EQ(describe_difference(read(line).fingerprint, first, "on rank 0"), "the pictures have 2 bytes, on rank 0 1");
  EXPECT_EQ(testing::error_of([] { fingerprint_from_json(parse_json("{\"records\": 3}", "f"), "state.json"); }),
            "[data] state.json: fingerprint: num_bytes: missing, expected a value");
}

TEST_F(OwnDataTest, EmptyFilesAndOddNamesAreProblems) {
  write_file_atomically(folder_ / "e.png", "");
  EXPECT_EQ(problems(R"({"image": "e.png", "caption": "x"})"),
            "  line 1, image: an empty file: " + (folder_ / "e.png").string());
  EXPECT_EQ(problems(R"({"image": "a.png\u0000.jpg", "caption": "x"})"),
            "  line 1, image: the file name holds a zero character");
  EXPECT_EQ(problems(R"({"image": ".", "caption": "x"})"),
            "  line 1, image: no such picture: " + (folder_ / ".").string());
}

TEST_F(OwnDataTest, EmptyFileNamesAreProblems) {
  EXPECT_NE(problems(R"({"images": [""], "caption": "x"})").find("images[0]: got \"\", expected a file name"),
            std::string::npos)
      << problems(R"({"images": [""], "caption": "x"})");
  EXPECT_NE(problems(R"({"image": "", "caption": "x"})"), "no error");
}

}  // namespace
}  // namespace molmo::data
