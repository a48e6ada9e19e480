// SPDX-License-Identifier: Apache-2.0
#include "eval/report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "eval/make_report.h"
#include "image/encode.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::eval {
namespace {

using molmo::testing::error_of;
using Kind = ReportMark::Kind;

Report sample() {
  Report report;
  report.title = "A <title>";
  report.head = {{"data", "d & e"}};
  report.settings = {{"model", "m & n"}};
  report.scores.push_back({.task = "pointing",
                           .metric = "pointing_f1",
                           .about = "points",
                           .model = 0.5,
                           .chance = 0.05,
                           .low = 0.45,
                           .high = 0.55,
                           .blank = 0.1,
                           .num_items = 517});
  report.curves.push_back({.name = "sft", .points = {{1, 2.0}, {2, 1.0}, {3, 0.5}}});
  report.tasks.push_back({.name = "pointing", .about = "1 of 517 questions", .examples = {}});
  report.tasks[0].examples.push_back({.data_uri = "data:image/jpeg;base64,AAAA",
                                      .width = 200,
                                      .height = 100,
                                      .marks = {{20, 10, Kind::kHit}, {60, 30, Kind::kWrong}, {90, 80, Kind::kMissed}},
                                      .boxes = {{10, 0, 30, 20}},
                                      .question = "Where's <it>?",
                                      .truth = "1 dog",
                                      .prediction = {{.text = "dogs", .num_points = 2}, {.text = "& more"}},
                                      .score = 1.0});
  return report;
}

// Two pictures a task at most; a pointing question per score.
EvalResult result_of(const std::filesystem::path& folder, const std::vector<double>& scores) {
  EvalResult result;
  for (size_t i = 0; i < scores.size(); ++i) {
    image::Picture picture(24, 16);
    std::fill(picture.pixels.begin(), picture.pixels.end(), static_cast<uint8_t>(40 * i));
    Answered& item = result.answers.emplace_back();
    item.image = folder / std::to_string(i).append(".png");
    image::save_picture(item.image, picture);
    item.question.task = Task::kPointing;
    item.question.label = std::to_string(i);
    item.question.truth.points = {{3, 4}, {20, 8}};
    item.question.truth.boxes = {{0, 0, 6, 8}, {18, 6, 22, 10}};
    item.question.message.style = "pointing";
    item.prompt = " User: pointing: Point to it Assistant:";
    item.prediction = "<points x1=\"10.0\" y1=\"10.0\" x2=\"50.0\" y2=\"90.0\" alt=\"it\">it</points>";
    item.size = {24, 16};
    item.score = {.task = Task::kPointing, .model = scores[i], .chance = 0.0, .blank = {}};
  }
  result.scores.push_back({.task = Task::kPointing});
  return result;
}

std::vector<std::string> truths(const Report& report) {
  std::vector<std::string> texts;
  for (const ReportExample& example : report.tasks.at(0).examples) texts.push_back(example.truth);
  return texts;
}

TEST(MakeReport, ShowsExamplesFromAllOverTheSplit) {
  const molmo::testing::TemporaryFolder folder;
  Report report;
  add_results(report, result_of(folder.path(), {0, 0, 1, 0, 0, 0}), {.count = 3});
  EXPECT_EQ(truths(report), (std::vector<std::string>{"2 0", "2 2", "2 4"}));
  EXPECT_EQ(report.tasks[0].about, "3 of 6 questions, spread over the split");
  EXPECT_NE(report.tasks[0].examples[0].data_uri, report.tasks[0].examples[1].data_uri);
}

TEST(MakeReport, ShowsRightAndWrongWhereThereAreBoth) {
  const molmo::testing::TemporaryFolder folder;
  for (const double common : {0.0, 1.0}) {
    Report report;
    add_results(report, result_of(folder.path(), {common, 1 - common, common, common, common, common}), {.count = 3});
    EXPECT_EQ(truths(report), (std::vector<std::string>{"2 0", "2 2", "2 1"})) << common;
  }
}

TEST(MakeReport, MarksWhatHitsAndWhatIsMissed) {
  const molmo::testing::TemporaryFolder folder;
  Report report;
  add_results(report, result_of(folder.path(), {0.5}), {.count = 3});
  const ReportExample& example = report.tasks.at(0).examples.at(0);
  EXPECT_EQ(example.question, "Point to it");
  ASSERT_EQ(example.marks.size(), 3u);
  EXPECT_EQ(example.marks[0].kind, Kind::kMissed);
  EXPECT_EQ(example.marks[0].x, 20);
  EXPECT_EQ(example.marks[1].kind, Kind::kHit);
  EXPECT_NEAR(example.marks[1].x, 2.4, 1e-9);
  EXPECT_EQ(example.marks[2].kind, Kind::kWrong);
  ASSERT_EQ(example.prediction.size(), 1u);
  EXPECT_EQ(example.prediction[0].num_points, 2);
}

TEST(MakeReport, CurvesNeedARunFolder) {
  EXPECT_EQ(error_of([] { read_curve("/no/such/run"); }),
            "[report] --curves /no/such/run: no metrics.jsonl there, expected a run folder");
}

Answered answered(Task task, const std::string& label, double score) {
  Answered item;
  item.question.task = task;
  item.question.label = label;
  item.score.model = score;
  return item;
}

TEST(LabelScores, AreMeansOfATasksQuestionsAboutALabel) {
  const std::vector<Answered> answers = {
      answered(Task::kPointing, "dogs", 1.0), answered(Task::kCounting, "cats", 1.0),
      answered(Task::kPointing, "dogs", 0.5), answered(Task::kPointing, "cats", 0.25),
      answered(Task::kCounting, "dogs", 0.0), answered(Task::kCaption, "caption", 1),
      answered(Task::kPointing, "ants", 0.0)};
  const LabelTable table = tabulate_labels(answers, 2);
  EXPECT_EQ(table.tasks, (std::vector{Task::kPointing, Task::kCounting}));  // none about absence
  EXPECT_EQ(table.num_labels, 3u);
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].label, "dogs");
  EXPECT_EQ(table.rows[0].scores[0]->mean, 0.75);
  EXPECT_EQ(table.rows[0].scores[0]->num_questions, 2);
  EXPECT_EQ(table.rows[0].scores[1]->mean, 0.0);
  EXPECT_EQ(table.rows[1].label, "cats");
  EXPECT_FALSE(tabulate_labels(answers, 3).rows[2].scores[1]);
}

TEST(Report, TabulatesLabelsWithTheirCounts) {
  Report report = sample();
  report.labels = {.tasks = {Task::kPointing, Task::kCounting},
                   .rows = {{.label = "<dogs>", .scores = {LabelScore{.mean = 0.357, .num_questions = 48}, {}}}},
                   .num_labels = 12};
  const std::string html = format_report_html(report);
  EXPECT_NE(html.find("<th>label</th><th>pointing</th><th>counting</th>"), std::string::npos);
  EXPECT_NE(html.find("<tr><td>&lt;dogs&gt;</td><td class=bar style='--share:36%'>0.36<small>n=48</small></td>"
                      "<td>-</td></tr>"),
            std::string::npos);
  EXPECT_NE(html.find("the 1 labels of 12 that have the most questions"), std::string::npos);
  EXPECT_EQ(format_report_html(sample()).find("<h2>Labels"), std::string::npos);
}

TEST(PlainText, QuestionsLoseRolesAndTags) {
  EXPECT_EQ(plain_question(" User: Point to dogs Assistant:", "pointing"), "Point to dogs");
  EXPECT_EQ(plain_question(" User: pointing: Point to dogs Assistant:", "pointing"), "Point to dogs");
  EXPECT_EQ(plain_question("long_caption 65: Describe: this", "long_caption"), "Describe: this");
  EXPECT_EQ(plain_question("pointing dogs: where?", "pointing"), "pointing dogs: where?");
  EXPECT_EQ(plain_question("User: ", "pointing"), "");
}

TEST(PlainText, LabelsStandForTags) {
  const auto text = [](const std::string& prediction) {
    std::string all;
    for (const TextPiece& piece : text_pieces(prediction)) all += fmt::format("{}[{}]", piece.text, piece.num_points);
    return all;
  };
  EXPECT_EQ(
      text("Counting the <points x1=\"1.0\" y1=\"2.0\" x2=\"3.0\" y2=\"4.0\" alt=\"dogs\">dogs</points> shows a total "
           "of 2."),
      "Counting the[0]dogs[2]shows a total of 2.[0]");
  EXPECT_EQ(text("<point x=\"1.0\" y=\"2.0\" alt=\"a\">a</point><point x=\"1.0\" y=\"2.0\" alt=\"b\">b</point>"),
            "a[1]b[1]");
  EXPECT_EQ(text("<points x1=\"1.0\" y1=\"2.0\" x2=\"3"), "points[1]");
  EXPECT_EQ(text("<point x=\"1.0\" y=\"2.0\">cat"), "cat[1]");
  EXPECT_EQ(text("There are none."), "There are none.[0]");
  EXPECT_EQ(text(""), "");
}

TEST(Report, EscapesAllText) {
  const std::string html = format_report_html(sample());
  for (const char* raw : {"A <title>", "m & n", "d & e", "<it>", ">& more"})
    EXPECT_EQ(html.find(raw), std::string::npos) << raw;
  EXPECT_NE(html.find("<h1>A &lt;title&gt;</h1>"), std::string::npos);
  EXPECT_NE(html.find("<dt>data</dt><dd>d &amp; e</dd>"), std::string::npos);
  EXPECT_NE(html.find("aria-label='Where&#39;s &lt;it&gt;?'"), std::string::npos);
}

TEST(Report, NeedsNothingButItself) {
  const std::string html = format_report_html(sample());
  for (const char* outside : {"http://", "https://", "<script", "<link", "url("})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
}

TEST(Report, SettingsAreFoldedBeforeTheScores) {
  const std::string html = format_report_html(sample());
  const size_t settings = html.find("<details><summary>Settings</summary><dl><dt>model</dt><dd>m &amp; n</dd></dl>");
  ASSERT_NE(settings, std::string::npos);
  EXPECT_LT(settings, html.find("<h2>Scores"));
}

TEST(Report, ShowsScoresBesideBothBaselines) {
  Report report = sample();
  report.scores.push_back(
      {.task = "clock", .metric = "clock_accuracy", .about = "clocks", .model = 0.75, .blank = {}, .num_items = 3});
  const std::string html = format_report_html(report);
  const auto expect_row = [&](const std::string& cells) { EXPECT_NE(html.find(cells), std::string::npos) << cells; };
  expect_row(
      "<td>pointing<small>pointing_f1: points</small><div class=scale><i class=range style='left:45.0%;width:10.0%'>");
  expect_row("<i class=model style='left:50.0%' title='model 0.500'>");
  expect_row(
      "<td data-label=model><b>0.500</b></td><td data-label='95 % interval'>0.450 to 0.550</td><td data-label=blank>"
      "0.100</td><td data-label=chance>0.050</td><td data-label=questions>517</td>");
  expect_row("<td data-label=blank>-</td><td data-label=chance>0.000</td><td data-label=questions>3</td>");
}

std::string points_of(const std::string& html, size_t from) {
  const size_t begin = html.find("points='", from) + 8;
  return html.substr(begin, html.find('\'', begin) - begin);
}

// Each curve begins where the one before it ends; a loss twice as large lies higher.
TEST(Report, DrawsCurvesOneAfterTheOther) {
  Report report = sample();
  report.curves.push_back({.name = "more", .points = {{1, 0.25}}});
  const std::string html = format_report_html(report);
  const size_t first = html.find("<polyline"), second = html.find("<polyline", first + 1);
  EXPECT_EQ(points_of(html, first), "255.0,24.0 466.0,102.0 677.0,180.0");  // 844 pixels for 4 steps, 234 for 3 halves
  EXPECT_EQ(points_of(html, second), "888.0,258.0");
  EXPECT_NE(html.find("</i>more: 1 steps, loss 0.250 to 0.250</li>"), std::string::npos);
}

// On a phone the chart has a size of its own, in which letters are not shrunk, and names that do not fit are left to
// the legend.
TEST(Report, NamesInTheChartDoNotCollide) {
  Report report = sample();
  report.curves = {{.name = "a long name of a stage", .points = {{1, 2.0}, {10, 1.0}}},
                   {.name = "tiny", .points = {{1, 2.0}, {500, 1.0}}}};
  const std::string html = format_report_html(report);
  EXPECT_NE(html.find("<svg class=wide viewBox='0 0 900 300'"), std::string::npos);
  EXPECT_NE(html.find("<svg class=narrow viewBox='0 0 380 300'"), std::string::npos);
  EXPECT_EQ(html.find("var(--c0)'>a long name"), std::string::npos);
  EXPECT_NE(html.find("var(--c1)'>tiny</text>"), std::string::npos);
  EXPECT_NE(html.find("</i>a long name of a stage: 10 steps"), std::string::npos);
}

TEST(Report, ShowsExamplesWithTheirMarks) {
  const std::string html = format_report_html(sample());
  EXPECT_NE(html.find("<h3>pointing<small>1 of 517 questions</small></h3>"), std::string::npos);
  EXPECT_NE(html.find("<image href='data:image/jpeg;base64,AAAA' width=200 height=100"), std::string::npos);
  EXPECT_NE(html.find("<circle class='mark hit' cx=20.0 cy=10.0 r=4.0"), std::string::npos);
  EXPECT_NE(html.find("<path class=wrong"), std::string::npos);
  EXPECT_NE(html.find("<circle class='missed' cx=90.0 cy=80.0"), std::string::npos);
  EXPECT_NE(html.find("<span class=points title='points'>2 \u00d7 dogs</span> &amp; more"), std::string::npos);
  EXPECT_NE(html.find("<em>truth</em>1 dog</div>"), std::string::npos);
  EXPECT_NE(html.find("<span class=right>\u2713 right</span>"), std::string::npos);
}

TEST(Report, EmptyReportIsStillAPage) { EXPECT_NE(format_report_html({}).find("</html>"), std::string::npos); }

}  // namespace
}  // namespace molmo::eval
