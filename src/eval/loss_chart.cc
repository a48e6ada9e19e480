// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/html.h"

namespace molmo::eval {
namespace {

constexpr int kNumColors = 5;  // --c0 to --c4 of the page's style

using Points = std::vector<std::pair<double, double>>;

bool is_shown(double loss) { return loss > 0 && std::isfinite(loss); }

// Means of neighbouring points: a line of thousands of steps carries no more on a screen.
Points thinned(const Points& points, size_t most) {
  const size_t group = (points.size() + most - 1) / std::max<size_t>(most, 1);
  if (group <= 1) return points;
  Points means;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const size_t end = std::min(points.size(), begin + group);
    double x = 0.0, y = 0.0;
    for (size_t i = begin; i < end; ++i) x += points[i].first, y += points[i].second;
    means.emplace_back(x / static_cast<double>(end - begin), y / static_cast<double>(end - begin));
  }
  return means;
}

// 1, 2 or 5 times a power of ten, so that at most `most` of them fit into `span`.
double nice_step(double span, int most) {
  const double least = span / most, power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10 * power;
}

// One drawing of a given size; letters have the same size on the screen whatever its width.
class Chart {
 public:
  Chart(const std::vector<ReportCurve>& curves, double width) : curves_(curves), width_(width) {
    for (const ReportCurve& curve : curves) {
      if (curve.points.empty()) continue;
      total_ += curve.points.back().first;
      for (const auto& [step, loss] : thinned(curve.points, kMostPoints)) {
        if (is_shown(loss)) low_ = std::min(low_, loss), high_ = std::max(high_, loss);
      }
    }
  }

  bool is_empty() const { return total_ <= 0 || high_ <= 0; }

  std::string svg(const char* css_class) const {
    std::string text = fmt::format("<svg class={} viewBox='0 0 {:.0f} {:.0f}' role=img aria-label='loss by step'>",
                                   css_class, width_, kHeight);
    text += loss_axis() + step_axis();
    double start = 0.0;
    for (size_t i = 0; i < curves_.size(); ++i) {
      if (curves_[i].points.empty()) continue;
      text += stretch(curves_[i], start, i % kNumColors);
      start += curves_[i].points.back().first;
    }
    return text + "</svg>";
  }

 private:
  static constexpr size_t kMostPoints = 300;
  static constexpr double kHeight = 300, kLeft = 44, kRight = 12, kTop = 24, kBottom = 42, kLetter = 7;

  double x(double step) const { return kLeft + (width_ - kLeft - kRight) * step / total_; }
  double y(double loss) const {
    const double low = std::log(low_), high = std::max(std::log(high_), low + 1e-6);
    return kTop + (kHeight - kTop - kBottom) * (1.0 - (std::log(loss) - low) / (high - low));
  }

  std::string loss_axis() const {
    std::string text = fmt::format("<text x=2 y=12>loss</text>");
    double last = kHeight;
    for (int power = -4; power <= 3; ++power) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double tick = factor * std::pow(10.0, power), place = y(tick);
        if (tick < low_ || tick > high_ || last - place < 16) continue;
        last = place;
        text += fmt::format(
            "<line class=grid x1={0} x2={1:.0f} y1={2:.1f} y2={2:.1f} /><text class=end x={3} y={4:.1f}>{5:g}</text>",
            kLeft, width_ - kRight, place, kLeft - 6, place + 4, tick);
      }
    }
    return text;
  }

  std::string step_axis() const {
    std::string text = fmt::format("<text class=middle x={:.0f} y={:.0f}>steps, one run after another</text>",
                                   (kLeft + width_ - kRight) / 2, kHeight - 6);
    const double step = std::max(1.0, nice_step(total_, static_cast<int>(width_ / 90)));
    for (double tick = 0.0; tick <= total_; tick += step) {
      const double place = x(tick);
      const char* anchor = place > width_ - 40 ? "end" : "middle";  // the last number stays inside
      text += fmt::format(
          "<line class=grid x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /><text class={3} x={0:.1f} "
          "y={4:.0f}>{5:.0f}</text>",
          place, kHeight - kBottom, kHeight - kBottom + 4, anchor, kHeight - kBottom + 17, tick);
    }
    return text;
  }

  // A run's line, the boundary before it, and its name above where there is room.
  std::string stretch(const ReportCurve& curve, double start, size_t color) const {
    std::string path;
    for (const auto& [step, loss] : thinned(curve.points, kMostPoints)) {
      if (is_shown(loss)) path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x(start + step), y(loss));
    }
    const double left = x(start), right = x(start + curve.points.back().first);
    std::string text;
    if (start > 0)
      text += fmt::format("<line class=edge x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} />", left, kTop - 6,
                          kHeight - kBottom);
    const double from = std::max(left, start > 0 ? 0.0 : kLeft);
    if (kLetter * static_cast<double>(curve.name.size()) + 10 < right - from)
      text += fmt::format("<text class=middle x={:.1f} y=14 style='fill:var(--c{})'>{}</text>", (from + right) / 2,
                          color, escape_html(curve.name));
    return text + fmt::format(
                      "<polyline fill=none stroke='var(--c{})' stroke-width=1.8 stroke-linejoin=round "
                      "points='{}'><title>{}</title></polyline>",
                      color, path, escape_html(curve.name));
  }

  const std::vector<ReportCurve>& curves_;
  double width_, total_ = 0.0, low_ = 1e30, high_ = 0.0;
};

std::string legend(const std::vector<ReportCurve>& curves) {
  std::string html = "<ul class=legend>";
  for (size_t i = 0; i < curves.size(); ++i) {
    const Points points = thinned(curves[i].points, 50);  // ends as means, since single steps jump
    if (points.empty()) continue;
    html += fmt::format("<li><i style='background:var(--c{})'></i>{}: {:.0f} steps, loss {:.3f} to {:.3f}</li>",
                        i % kNumColors, escape_html(curves[i].name), curves[i].points.back().first,
                        points.front().second, points.back().second);
  }
  return html + "</ul>";
}

}  // namespace

std::string loss_chart_html(const std::vector<ReportCurve>& curves) {
  const Chart wide(curves, 900), narrow(curves, 380);
  if (wide.is_empty()) return "";
  return legend(curves) + wide.svg("wide") + narrow.svg("narrow");
}

}  // namespace molmo::eval
