// SPDX-License-Identifier: Apache-2.0
#include "eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace molmo::eval {
namespace {

constexpr const char* kStyle = R"(
:root{--ink:#1d2330;--soft:#5c6578;--line:#dde2ea;--page:#fff;--bar:#c2185b;--base:#9aa5b8}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf2;--soft:#a0a9bb;--line:#343c4c;--page:#151922;--bar:#f06292;--base:#66728a}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.35rem .6rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}td small{display:block;color:var(--soft)}
.settings td{text-align:left}.settings td:first-child{color:var(--soft);white-space:nowrap;width:1%}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1.2rem}
figure{margin:0;border:1px solid var(--line);border-radius:.5rem;overflow:hidden;break-inside:avoid}figure img{width:100%;display:block}
figcaption{padding:.5rem .7rem;font-size:.85rem;overflow-wrap:anywhere}figcaption b{display:block}figcaption span{color:var(--soft)}
svg{width:100%;height:auto}svg text{fill:var(--soft);font:12px system-ui,sans-serif}.grid{stroke:var(--line)}
@media (max-width:40rem){.chance{display:none}}
)";
constexpr const char* kColors[] = {"#c2185b", "#1976d2", "#ef6c00", "#388e3c", "#7b1fa2"};

std::string escaped(const std::string& text) {
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
      default:
        safe += c;
    }
  }
  return safe;
}

std::string score_table(const std::vector<ReportScore>& scores) {
  std::string html =
      "<table><tr><th>score</th><th>model</th><th>95 % interval</th><th>blank picture</th><th "
      "class=chance>chance</th><th>items</th></tr>";
  for (const ReportScore& score : scores) {
    html += fmt::format(
        "<tr><td>{}<small>{}</small></td><td><b>{:.3f}</b></td><td>{:.3f} to {:.3f}</td><td>{}</td><td "
        "class=chance>{:.3f}</td><td>{}</td></tr>",
        escaped(score.name), escaped(score.about), score.model, score.low, score.high,
        score.blank ? fmt::format("{:.3f}", *score.blank) : "-", score.chance, score.num_items);
  }
  return html + "</table>";
}

// Means of neighbouring points: a line of thousands of steps carries no more on a screen.
std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points, size_t most) {
  const size_t group = (points.size() + most - 1) / std::max<size_t>(most, 1);
  if (group <= 1) return points;
  std::vector<std::pair<double, double>> means;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const size_t end = std::min(points.size(), begin + group);
    double x = 0.0, y = 0.0;
    for (size_t i = begin; i < end; ++i) x += points[i].first, y += points[i].second;
    means.emplace_back(x / static_cast<double>(end - begin), y / static_cast<double>(end - begin));
  }
  return means;
}

// Loss curves one behind the other on a logarithmic axis.
class CurveChart {
 public:
  explicit CurveChart(const std::vector<ReportCurve>& curves) : curves_(curves) {
    for (const ReportCurve& curve : curves) {
      if (curve.points.empty()) continue;
      total_ += curve.points.back().first;
      for (const auto& [step, loss] : curve.points) {
        if (loss > 0 && std::isfinite(loss)) low_ = std::min(low_, loss), high_ = std::max(high_, loss);
      }
    }
  }

  std::string html() const {
    if (total_ <= 0 || high_ <= 0) return "";
    std::string svg = fmt::format("<svg viewBox='0 0 {} {}' role=img aria-label='loss by step'>", kWidth, kHeight + 40);
    for (const double tick : {0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0}) {
      if (tick < low_ || tick > high_) continue;
      svg += fmt::format("<line class=grid x1={0} x2={1} y1={2:.1f} y2={2:.1f} /><text x=4 y={3:.1f}>{4}</text>", kLeft,
                         kWidth, y(tick), y(tick) + 4, tick);
    }
    double start = 0.0;
    for (size_t i = 0; i < curves_.size(); ++i) {
      if (curves_[i].points.empty()) continue;
      svg += line(curves_[i], start, kColors[i % std::size(kColors)]);
      start += curves_[i].points.back().first;
    }
    return svg + "</svg>";
  }

 private:
  static constexpr double kWidth = 900, kHeight = 260, kLeft = 40;
  double x(double step) const { return kLeft + (kWidth - kLeft) * step / total_; }
  double y(double loss) const {
    const double low = std::log(low_), high = std::max(std::log(high_), low + 1e-6);
    return kHeight * (1.0 - (std::log(loss) - low) / (high - low)) + 6;
  }
  std::string line(const ReportCurve& curve, double start, const char* color) const {
    std::string path;
    for (const auto& [step, loss] : thinned(curve.points, 300)) {
      if (loss > 0 && std::isfinite(loss))
        path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x(start + step), y(loss));
    }
    return fmt::format(
        "<polyline fill=none stroke='{}' stroke-width=1.6 points='{}'><title>{}</title></polyline><text x={:.1f} y={} "
        "style='fill:{}'>{}, {:.0f} steps</text>",
        color, path, escaped(curve.name), x(start) + 4, kHeight + 28, color, escaped(curve.name),
        curve.points.back().first);
  }

  const std::vector<ReportCurve>& curves_;
  double total_ = 0.0, low_ = 1e30, high_ = 0.0;
};

std::string gallery(const std::vector<ReportPicture>& pictures) {
  std::string html = "<div class=gallery>";
  for (const ReportPicture& picture : pictures) {
    html += fmt::format(
        "<figure><img src='{}' alt='{}'><figcaption><b>{}</b>{}<br><span>truth: {}; score "
        "{:.2f}</span></figcaption></figure>",
        picture.data_uri, escaped(picture.question), escaped(picture.question), escaped(picture.reply),
        escaped(picture.truth), picture.score);
  }
  return html + "</div>";
}

}  // namespace

std::string format_report_html(const Report& report) {
  std::string html = fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
      "content='width=device-width,initial-scale=1'><title>{}</title><style>{}</style><h1>{}</h1>",
      escaped(report.title), kStyle, escaped(report.title));
  html += "<h2>Scores</h2>" + score_table(report.scores);
  html +=
      "<p>Each score stands beside two baselines of the same run: the same model with blank pictures, and chance (the "
      "right reply of another question put in the same words).</p>";
  if (!report.curves.empty()) html += "<h2>Loss</h2>" + CurveChart(report.curves).html();
  if (!report.pictures.empty())
    html += "<h2>Pictures</h2><p>Numbered discs: predicted points. Rings: true points.</p>" + gallery(report.pictures);
  html += "<h2>Settings</h2><table class=settings>";
  for (const auto& [key, value] : report.settings)
    html += fmt::format("<tr><td>{}</td><td>{}</td></tr>", escaped(key), escaped(value));
  return html + "</table></html>\n";
}

}  // namespace molmo::eval
