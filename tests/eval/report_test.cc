// SPDX-License-Identifier: Apache-2.0
#include "eval/report.h"

#include <gtest/gtest.h>

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

TEST(Report, EmptyReportIsStillAPage) { EXPECT_NE(format_report_html({}).find("</html>"), std::string::npos); }

}  // namespace
}  // namespace molmo::eval
