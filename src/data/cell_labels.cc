// SPDX-License-Identifier: Apache-2.0
#include "data/cell_labels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace molmo::data {
namespace {

// An object smaller than a cell may miss every cell's middle; the cell that holds its own middle shows it all the same.
bool lies_under(const geometry::Box& box, const preprocess::CellPlace& cell) {
  const bool holds_middle = box.x0 <= cell.x && cell.x < box.x1 && box.y0 <= cell.y && cell.y < box.y1;
  const geometry::Point middle = center(box);
  return holds_middle ||
         (2 * std::abs(middle.x - cell.x) < cell.width && 2 * std::abs(middle.y - cell.y) < cell.height);
}

int64_t kind_label(const std::string& kind, const std::vector<std::string>& kinds) {
  const auto found = std::lower_bound(kinds.begin(), kinds.end(), kind);
  return found == kinds.end() || *found != kind ? kBackgroundLabel : found - kinds.begin() + 1;
}

int64_t step_of(double place, float begin, float length) {
  const double step = std::floor((place - begin) / length * static_cast<double>(kPlaceSteps));
  return static_cast<int64_t>(std::clamp(step, 0.0, static_cast<double>(kPlaceSteps - 1)));
}

CellLabel label_cell(std::span<const ObjectEntry> objects, const preprocess::CellPlace& place,
                     const std::vector<std::string>& kinds) {
  if (std::isnan(place.x) || std::isnan(place.y)) return {.kind = kIgnoredLabel};
  const auto label_at = [&](int64_t kind, const geometry::Point& middle) {
    return CellLabel{kind, step_of(middle.x, place.left, place.crop_width),
                     step_of(middle.y, place.top, place.crop_height)};
  };
  CellLabel label = label_at(kBackgroundLabel, {place.x, place.y});
  double smallest = std::numeric_limits<double>::infinity();
  for (const auto& [kind, box] : objects) {
    if (!lies_under(box, place) || area(box) >= smallest) continue;
    smallest = area(box);
    label = label_at(kind_label(kind, kinds), center(box));
  }
  return label;
}

}  // namespace

std::vector<CellLabel> label_cells(std::span<const ObjectEntry> objects, std::span<const preprocess::CellPlace> places,
                                   const std::vector<std::string>& kinds) {
  std::vector<CellLabel> labels;
  labels.reserve(places.size());
  for (const preprocess::CellPlace& place : places) labels.push_back(label_cell(objects, place, kinds));
  return labels;
}

}  // namespace molmo::data
