// SPDX-License-Identifier: Apache-2.0
#include "commands/data_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/html.h"
#include "eval/picture_uri.h"
#include "eval/report_style.h"
#include "image/decode.h"

namespace molmo::commands {
namespace {

using eval::escape_html;

constexpr size_t kNumColors = 5;  // --c0 to --c4 of the page's style

std::string box_svg(const geometry::Box& box, const std::string& color, double side, const std::string& title) {
  return fmt::format(
      "<rect fill=none stroke='{}' stroke-width={:.1f} x={:.1f} y={:.1f} width={:.1f} height={:.1f}><title>{}</title>"
      "</rect>",
      color, 0.006 * side, box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0, escape_html(title));
}

// Numbered, since an answer names the points in this order.
std::string point_svg(const geometry::Point& point, const std::string& color, double side, size_t number) {
  const double r = 0.025 * side;
  return fmt::format(
      "<circle class=mark style='fill:{0}' cx={1:.1f} cy={2:.1f} r={3:.1f} stroke-width={4:.1f} /><text class=middle "
      "style='fill:#fff;font-size:{5:.1f}px' x={1:.1f} y={6:.1f}>{7}</text>",
      color, point.x, point.y, r, 0.2 * r, 1.3 * r, point.y + 0.45 * r, number);
}

std::string color_of(size_t entry) { return fmt::format("var(--c{})", entry % kNumColors); }

std::string places_svg(const data::RecordView& view) {
  const double side = std::max(view.size.width, view.size.height);
  std::string svg;
  for (const data::ObjectEntry& object : view.record.objects) svg += box_svg(object.box, "#fff", side, object.kind);
  for (size_t i = 0; i < view.record.points.size(); ++i) {
    const data::PointsEntry& entry = view.record.points[i];
    for (const geometry::Box& box : entry.boxes) svg += box_svg(box, color_of(i), side, entry.label);
    for (size_t k = 0; k < entry.points.size(); ++k) {
      geometry::Point point = entry.points[k];
      if (entry.is_percent) point = {point.x * view.size.width / 100, point.y * view.size.height / 100};
      svg += point_svg(point, color_of(i), side, k + 1);
    }
  }
  return svg;
}

std::string pictures_html(const data::RecordView& view, const DecodeLimits& limits) {
  std::string html;
  for (size_t i = 0; i < view.record.images.size(); ++i) {
    const image::Picture picture = image::load_picture(view.record.images[i], limits);
    html += fmt::format("<svg viewBox='0 0 {0} {1}' role=img><image href='{2}' width={0} height={1} />{3}</svg>",
                        picture.width, picture.height, eval::picture_uri(picture), i == 0 ? places_svg(view) : "");
  }
  return html;
}

std::string record_html(const data::RecordView& view, const DecodeLimits& limits) {
  std::string html = fmt::format("<figure>{}<figcaption><b>{}</b><div><em>split</em>{}, {} x {} pixels</div>",
                                 pictures_html(view, limits), escape_html(view.where), escape_html(view.record.split),
                                 view.size.width, view.size.height);
  for (size_t i = 0; i < view.record.points.size(); ++i)
    html += fmt::format("<div><em style='color:{}'>\u25cf</em>{}</div>", color_of(i),
                        escape_html(data::places_text(view.record.points[i])));
  for (const auto& [prompt, answer] : view.turns)
    html += fmt::format("<hr><div><em>prompt</em>{}</div><div><em>answer</em>{}</div>", escape_html(prompt),
                        escape_html(answer));
  if (view.turns.empty()) html += "<hr><div>nothing that this stage trains on</div>";
  return html + "</figcaption></figure>";
}

}  // namespace

std::string format_data_page(const std::string& title, const std::vector<data::RecordView>& views,
                             const DecodeLimits& limits) {
  std::string html = fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width,"
      "initial-scale=1'><title>{0}</"
      "title><style>{1}.gallery{{grid-template-columns:repeat(auto-fill,minmax(19rem,1fr))}}"
      "figure>svg{{height:auto}}hr{{border:0;border-top:1px solid var(--line)}}</style><h1>{0}</h1><div class=gallery>",
      escape_html(title), eval::kReportStyle);
  for (const data::RecordView& view : views) html += record_html(view, limits);
  return html + "</div></html>\n";
}

}  // namespace molmo::commands
