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
                           .blank = 0.1,
                           .chance = 0.05,
                           .low = 0.45,
                           .high = 0.55,
                           .num_items = 500});
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
  const std::string html = format_report_html(sample());
  for (const char* value : {"0.500", "0.100", "0.050", "500"}) EXPECT_NE(html.find(value), std::string::npos) << value;
}

TEST(Report, EmptyReportIsStillAPage) { EXPECT_NE(format_report_html({}).find("</html>"), std::string::npos); }

}  // namespace
}  // namespace molmo::eval
