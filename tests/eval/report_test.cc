// SPDX-License-Identifier: Apache-2.0
#include "eval/report.h"

#include <gtest/gtest.h>

#include "eval/make_report.h"
#include "image/encode.h"
#include "support/paths.h"

namespace molmo::eval {
namespace {

Report sample() {
  Report report{.title = "A <title>", .settings = {{"model", "m & n"}}, .scores = {}, .curves = {}, .pictures = {}};
  report.scores.push_back({.name = "pointing_f1",
                           .about = "points",
                           .model = 0.5,
                           .chance = 0.05,
                           .low = 0.45,
                           .high = 0.55,
                           .blank = 0.1,
                           .num_items = 517});
  report.curves.push_back({.name = "sft", .points = {{1, 2.0}, {2, 1.0}, {3, 0.5}}});
  report.pictures.push_back({.data_uri = "data:image/jpeg;base64,AAAA",
                             .question = "Where?",
                             .reply = "<point x=\"1\">",
                             .truth = "1 dog",
                             .score = 1.0});
  return report;
}

TEST(MakeReport, ShowsPicturesFromAllOverTheSplit) {
  const molmo::testing::TemporaryFolder folder;
  EvalResult result;
  for (int i = 0; i < 6; ++i) {
    image::Picture picture(24, 16);
    std::fill(picture.pixels.begin(), picture.pixels.end(), static_cast<uint8_t>(40 * i));
    image::save_picture(folder / std::to_string(i).append(".png"), picture);
    Answered& item = result.answers.emplace_back();
    item.question.task = Task::kPointing;
    item.question.label = std::to_string(i);
    item.question.truth.points = {{3, 4}};
    item.image = folder / std::to_string(i).append(".png");
    item.size = {24, 16};
  }
  const Report report = make_report(result, {}, {}, {.count = 3});
  ASSERT_EQ(report.pictures.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(report.pictures[i].truth, "1 " + std::to_string(2 * i));
  EXPECT_NE(report.pictures[0].data_uri, report.pictures[1].data_uri);
}

TEST(Report, EscapesAllText) {
  const std::string html = format_report_html(sample());
  EXPECT_EQ(html.find("A <title>"), std::string::npos);
  EXPECT_NE(html.find("A &lt;title&gt;"), std::string::npos);
  EXPECT_NE(html.find("m &amp; n"), std::string::npos);
  EXPECT_EQ(html.find("<point x"), std::string::npos);
}

TEST(Report, NeedsNothingButItself) {
  const std::string html = format_report_html(sample());
  for (const char* outside : {"http://", "https://", "<script src", "<link"})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
}

TEST(Report, ShowsScoresBesideBothBaselines) {
  Report report = sample();
  report.scores.push_back({.name = "clock_accuracy", .about = "clocks", .model = 0.75, .blank = {}, .num_items = 3});
  const std::string html = format_report_html(report);
  const auto expect_row = [&](const std::string& cells) { EXPECT_NE(html.find(cells), std::string::npos) << cells; };
  expect_row(
      "<td>pointing_f1<small>points</small></td><td><b>0.500</b></td><td>0.450 to 0.550</td><td>0.100</td>"
      "<td class=chance>0.050</td><td>517</td>");
  expect_row(
      "<td>clock_accuracy<small>clocks</small></td><td><b>0.750</b></td><td>0.000 to 1.000</td><td>-</td>"
      "<td class=chance>0.000</td><td>3</td>");
}

// Each curve begins where the one before it ends; a loss twice as large lies higher.
TEST(Report, DrawsCurvesOneAfterTheOther) {
  Report report = sample();
  report.curves.push_back({.name = "more", .points = {{1, 0.25}}});
  const std::string html = format_report_html(report);
  const auto points_of = [&](size_t from) {
    const size_t begin = html.find("points='", from) + 8;
    return html.substr(begin, html.find('\'', begin) - begin);
  };
  const size_t first = html.find("<polyline"), second = html.find("<polyline", first + 1);
  EXPECT_EQ(points_of(first), "255.0,6.0 470.0,92.7 685.0,179.3");  // 860 pixels for 4 steps; halves are 86.7 apart
  EXPECT_EQ(points_of(second), "900.0,266.0");
  EXPECT_NE(html.find(">more, 1 steps<"), std::string::npos);
}

TEST(Report, ShowsPicturesWithTheirQuestions) {
  const std::string html = format_report_html(sample());
  EXPECT_NE(html.find("<img src='data:image/jpeg;base64,AAAA' alt='Where?'>"), std::string::npos);
  EXPECT_NE(html.find("&lt;point x=&quot;1&quot;&gt;<br><span>truth: 1 dog; score 1.00</span>"), std::string::npos);
}

// Stages of a recipe: the second run's curve begins where the first one's ends.
TEST(Report, CurvesFollowOneAnother) {
  Report report = sample();
  report.curves.push_back({.name = "more", .points = {{1, 0.5}, {2, 0.4}}});
  const std::string html = format_report_html(report);
  std::vector<double> begins, ends;  // of the lines, from left to right
  for (size_t at = html.find("points='"); at != std::string::npos; at = html.find("points='", at + 1)) {
    const std::string points = html.substr(at + 8, html.find('\'', at + 8) - at - 8);
    begins.push_back(std::stod(points));
    ends.push_back(std::stod(points.substr(points.rfind(' ') + 1)));
  }
  ASSERT_EQ(begins.size(), 2u);
  EXPECT_LT(begins[0], ends[0]);
  EXPECT_GT(begins[1], ends[0]);
}

TEST(Report, EmptyReportIsStillAPage) { EXPECT_NE(format_report_html({}).find("</html>"), std::string::npos); }

}  // namespace
}  // namespace molmo::eval
