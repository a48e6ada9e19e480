// SPDX-License-Identifier: Apache-2.0
#include "data/cell_labels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace molmo::data {
namespace {

double area(const Box& box) { return (box[2] - box[0]) * (box[3] - box[1]); }

bool holds(const Box& box, float x, float y) { return box[0] <= x && x < box[2] && box[1] <= y && y < box[3]; }

int64_t kind_label(const std::string& kind, const std::vector<std::string>& kinds) {
  const auto found = std::lower_bound(kinds.begin(), kinds.end(), kind);
  return found == kinds.end() || *found != kind ? kBackgroundLabel : found - kinds.begin() + 1;
}

}  // namespace

std::vector<int64_t> label_cells(std::span<const ObjectEntry> objects, std::span<const std::pair<float, float>> centers,
                                 const std::vector<std::string>& kinds) {
  std::vector<int64_t> labels;
  labels.reserve(centers.size());
  for (const auto& [x, y] : centers) {
    int64_t label = std::isnan(x) || std::isnan(y) ? kIgnoredLabel : kBackgroundLabel;
    double smallest = std::numeric_limits<double>::infinity();
    for (const ObjectEntry& object : objects) {
      if (!holds(object.box, x, y) || area(object.box) >= smallest) continue;
      smallest = area(object.box);
      label = kind_label(object.kind, kinds);
    }
    labels.push_back(label);
  }
  return labels;
}

}  // namespace molmo::data
