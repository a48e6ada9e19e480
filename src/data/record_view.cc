// SPDX-License-Identifier: Apache-2.0
#include "data/record_view.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "data/places.h"
#include "data/record_examples.h"
#include "molmo/error.h"

namespace molmo::data {

RecordView view_record(const OwnData& data, const Record& record, ImageSize size, const RecordViewOptions& options) {
  RecordView view{.where = data.where(record), .record = record, .size = size, .turns = {}};
  try {
    if (record.images.size() == 1) check_places(record, size);
    RandomState random(options.seed + static_cast<uint32_t>(record.line));
    const DataExample example = make_example(record, options.stage, {}, random);
    if (example.messages.empty()) return view;
    const FormattedExample formatted = PromptFormatter(options.prompt)(example, size, /*for_inference=*/false, random);
    for (const std::vector<std::string>& turns : formatted.conversations) {
      for (size_t i = 0; i + 1 < turns.size(); i += 2)
        view.turns.emplace_back(trim_text(turns[i]), trim_text(turns[i + 1]));
    }
  } catch (const Error& error) {
    throw Error(fmt::format("[data] {}: {}", view.where, error.what()));
  }
  return view;
}

std::string places_text(const PointsEntry& entry) {
  std::vector<std::string> points;
  for (const geometry::Point& point : entry.points) points.push_back(geometry::to_text(point));
  return fmt::format("{} {}{}{}{}", entry.points.size(), entry.label, points.empty() ? "" : ": ",
                     join_text(points, ", "), entry.is_percent && !points.empty() ? " percent" : "");
}

std::string format_view(const RecordView& view) {
  const Record& record = view.record;
  std::string text = view.where;
  for (const std::filesystem::path& image : record.images) text += "  " + image.string();
  text += fmt::format("  {}x{} pixels, split {}\n", view.size.width, view.size.height, record.split);
  for (const PointsEntry& entry : record.points) {
    text += "  points  " + places_text(entry) + "\n";
    for (const geometry::Box& box : entry.boxes) text += "  box     " + geometry::to_text(box) + "\n";
  }
  for (const ObjectEntry& object : record.objects)
    text += fmt::format("  object  {} {}\n", object.kind, geometry::to_text(object.box));
  for (const auto& [prompt, answer] : view.turns) text += fmt::format("  prompt  {}\n  answer  {}\n", prompt, answer);
  if (view.turns.empty()) text += "  nothing that this stage trains on\n";
  return text;
}

}  // namespace molmo::data
