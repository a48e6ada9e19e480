// SPDX-License-Identifier: Apache-2.0
#include "eval/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/html.h"
#include "eval/report_style.h"

namespace molmo::eval {
namespace {

std::string facts_html(const Report::Facts& facts) {
  std::string html = "<dl>";
  for (const auto& [key, value] : facts)
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", escape_html(key), escape_html(value));
  return html + "</dl>";
}

// The model's score with its interval on a scale from 0 to 1, and the baselines.
std::string scale_html(const ReportScore& score) {
  std::string html = fmt::format("<div class=scale><i class=range style='left:{:.1f}%;width:{:.1f}%'></i>",
                                 100 * score.low, 100 * (score.high - score.low));
  const auto baseline = [&](double value, const char* name) {
    html += fmt::format("<i class=base style='left:{:.1f}%' title='{} {:.3f}'></i>", 100 * value, name, value);
  };
  baseline(score.chance, "chance");
  if (score.blank) baseline(*score.blank, "blank picture");
  return html + fmt::format("<i class=model style='left:{:.1f}%' title='model {:.3f}'></i></div>", 100 * score.model,
                            score.model);
}

std::string score_table(const std::vector<ReportScore>& scores) {
  std::string html =
      "<table class=scores><thead><tr><th>task</th><th>model</th><th>95 % interval</th><th>blank "
      "picture</th><th>chance</th>"
      "<th>questions</th></tr></thead><tbody>";
  for (const ReportScore& score : scores) {
    html += fmt::format(
        "<tr><td>{}<small>{}: {}</small>{}</td><td data-label=model><b>{:.3f}</b></td><td data-label='95 % "
        "interval'>{:.3f} to {:.3f}</td><td data-label=blank>{}</td><td data-label=chance>{:.3f}</td><td "
        "data-label=questions>{}</td></tr>",
        escape_html(score.task), escape_html(score.metric), escape_html(score.about), scale_html(score), score.model,
        score.low, score.high, score.blank ? fmt::format("{:.3f}", *score.blank) : "-", score.chance, score.num_items);
  }
  return html + "</tbody></table>";
}

std::string label_cell(const std::optional<LabelScore>& score) {
  if (!score) return "<td>-</td>";
  return fmt::format("<td class=bar style='--share:{:.0f}%'>{:.2f}<small>n={}</small></td>", 100 * score->mean,
                     score->mean, score->num_questions);
}

std::string label_table(const LabelTable& labels) {
  std::string html = "<h2>Labels</h2><table class=labels><thead><tr><th>label</th>";
  for (const Task task : labels.tasks) html += fmt::format("<th>{}</th>", task_info(task).name);
  html += "</tr></thead><tbody>";
  for (const LabelRow& row : labels.rows) {
    html += fmt::format("<tr><td>{}</td>", escape_html(row.label));
    for (const std::optional<LabelScore>& score : row.scores) html += label_cell(score);
    html += "</tr>";
  }
  html += "</tbody></table><p>The model's mean score for each label over n questions.";
  if (labels.num_labels > labels.rows.size())
    html += fmt::format(" These are the {} labels of {} that have the most questions.", labels.rows.size(),
                        labels.num_labels);
  return html + "</p>";
}

// Shapes differ too: not everyone tells red from green. `r` is the radius of a dot.
std::string mark_svg(const ReportMark& mark, double r) {
  const auto circle = [&](const char* css_class, double radius, double stroke) {
    return fmt::format("<circle class='{}' cx={:.1f} cy={:.1f} r={:.1f} stroke-width={:.1f} />", css_class, mark.x,
                       mark.y, radius, stroke);
  };
  const auto cross = [&](const char* css_class, double stroke) {
    return fmt::format(
        "<path class={} stroke-width={:.1f} stroke-linecap=round d='M{:.1f} {:.1f}l{:.1f} {:.1f}m0 "
        "{:.1f}l{:.1f} {:.1f}' />",
        css_class, stroke, mark.x - r, mark.y - r, 2 * r, 2 * r, -2 * r, -2 * r, 2 * r);
  };
  switch (mark.kind) {
    case ReportMark::Kind::kHit:
      return circle("mark hit", r, 0.35 * r);
    case ReportMark::Kind::kWrong:
      return cross("halo", 0.95 * r) + cross("wrong", 0.55 * r);
    case ReportMark::Kind::kMissed:
      return circle("halo", 1.25 * r, 0.8 * r) + circle("missed", 1.25 * r, 0.45 * r);
    case ReportMark::Kind::kPlain:
      return circle("mark plain", r, 0.35 * r);
  }
  return "";
}

std::string picture_svg(const ReportExample& example) {
  const double side = std::max(example.width, example.height);
  std::string svg = fmt::format(
      "<svg viewBox='0 0 {0} {1}' role=img aria-label='{2}'><image href='{3}' width={0} height={1} "
      "preserveAspectRatio=none />",
      example.width, example.height, escape_html(example.question), example.data_uri);
  for (const geometry::Box& box : example.boxes)
    svg += fmt::format("<rect class=box x={:.1f} y={:.1f} width={:.1f} height={:.1f} stroke-width={:.1f} />", box.x0,
                       box.y0, box.x1 - box.x0, box.y1 - box.y0, 0.005 * side);
  for (const ReportMark& mark : example.marks) svg += mark_svg(mark, 0.02 * side);
  return svg + "</svg>";
}

std::string prediction_html(const std::vector<TextPiece>& prediction) {
  std::string html;
  for (const TextPiece& piece : prediction) {
    if (!html.empty()) html += ' ';
    html += piece.num_points == 0 ? escape_html(piece.text)
                                  : fmt::format("<span class=points title='points'>{} \u00d7 {}</span>",
                                                piece.num_points, escape_html(piece.text));
  }
  return html.empty() ? "(nothing)" : html;
}

std::string example_html(const ReportExample& example) {
  const bool is_right = example.score >= 0.9995, is_wrong = example.score <= 0.0005;
  const char* css_class = is_right ? "right" : is_wrong ? "bad" : "part";
  const std::string verdict = is_right   ? "\u2713 right"
                              : is_wrong ? "\u2717 wrong"
                                         : fmt::format("partly right, {:.2f}", example.score);
  return fmt::format(
      "<figure class={}>{}<figcaption><b>{}</b><div><em>prediction</em>{}</div><div><em>truth</em>{}</div><div><span "
      "class={}>{}</span></div></figcaption></figure>",
      css_class, picture_svg(example), escape_html(example.question), prediction_html(example.prediction),
      escape_html(example.truth), css_class, verdict);
}

std::string marks_legend() {
  std::string html = "<ul class=legend>";
  const auto entry = [&](ReportMark::Kind kind, const char* text) {
    html += fmt::format("<li><svg viewBox='0 0 20 20'>{}</svg>{}</li>", mark_svg({10, 10, kind}, 6), text);
  };
  entry(ReportMark::Kind::kHit, "predicted point that hits");
  entry(ReportMark::Kind::kWrong, "predicted point that hits nothing");
  entry(ReportMark::Kind::kMissed, "missed");
  entry(ReportMark::Kind::kPlain, "predicted point of another task, not scored");
  return html + "</ul>";
}

std::string tasks_html(const std::vector<ReportTask>& tasks) {
  std::string html = "<h2>Examples</h2>" + marks_legend();
  for (const ReportTask& task : tasks) {
    html +=
        fmt::format("<h3>{}<small>{}</small></h3><div class=gallery>", escape_html(task.name), escape_html(task.about));
    for (const ReportExample& example : task.examples) html += example_html(example);
    html += "</div>";
  }
  return html;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string format_report_html(const Report& report) {
  std::string html = fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
      "content='width=device-width,initial-scale=1'><title>{}</title><style>{}</style><h1>{}</h1>",
      escape_html(report.title), kReportStyle, escape_html(report.title));
  html += facts_html(report.head);
  if (!report.settings.empty())
    html += "<details><summary>Settings</summary>" + facts_html(report.settings) + "</details>";
  html += "<h2>Scores</h2>" + score_table(report.scores);
  html +=
      "<p>The bar is the model's 95 % interval. The dotted lines are two baselines of the same run: the same model "
      "with blank pictures, and chance, the correct answer to a random other question of the same "
      "wording. A model that sees is far above both.</p>";
  if (!report.labels.rows.empty()) html += label_table(report.labels);
  if (const std::string chart = loss_chart_html(report.curves); !chart.empty())
    html += "<h2>Training</h2>" + chart + "<p>Cross-entropy of a training step on a logarithmic axis.</p>";
  if (!report.tasks.empty()) html += tasks_html(report.tasks);
  return html + "</html>\n";
}

}  // namespace molmo::eval
