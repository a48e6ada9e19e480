// SPDX-License-Identifier: Apache-2.0
#include "metrics/pointing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "metrics/assignment.h"
#include "metrics/matching.h"
#include "molmo/error.h"

namespace molmo::metrics {
namespace {

using geometry::Box;
using geometry::Point;

constexpr size_t kMostPairs = size_t{1} << 20;  // of a prediction and a reference: the assignment takes cubic time

PointingScore score_without_references(size_t num_predicted) {
  const double score = num_predicted == 0 ? 1.0 : 0.0;
  return {score, score, score, {}, 0.0};
}

double sum_of_costs(const std::vector<double>& costs, size_t num_columns,
                    const std::vector<std::pair<size_t, size_t>>& pairs) {
  double sum = 0.0;
  for (const auto& [row, column] : pairs) sum += costs[row * num_columns + column];
  return sum;
}

std::vector<double> distances(std::span<const Point> a, std::span<const Point> b) {
  std::vector<double> costs;
  for (const Point& p : a) {
    for (const Point& q : b) {
      const double dx = p.x - q.x, dy = p.y - q.y;
      costs.push_back(std::sqrt(dx * dx + dy * dy));
    }
  }
  return costs;
}

// F1 of the most pairs of a prediction and a reference, each at most once, of which `is_hit(prediction, reference)`.
template <class IsHit>
PointingScore f1_of_hits(size_t num_predicted, size_t num_references, const IsHit& is_hit) {
  if (num_references == 0) return score_without_references(num_predicted);
  if (num_predicted == 0) return {};
  std::vector<std::vector<size_t>> hits(num_references);
  for (size_t r = 0; r < num_references; ++r) {
    // A reference with as many predictions as there are references gets one whatever the others take: more of them
    // change nothing.
    for (size_t p = 0; p < num_predicted && hits[r].size() < num_references; ++p) {
      if (is_hit(p, r)) hits[r].push_back(p);
    }
  }
  PointingScore score;
  score.assignment = match_most(hits, num_predicted);
  const auto num_hits = static_cast<double>(score.assignment.size());
  score.precision = num_hits / static_cast<double>(num_predicted);
  score.recall = num_hits / static_cast<double>(num_references);
  score.f1 = 2 * num_hits / static_cast<double>(num_predicted + num_references);
  return score;
}

}  // namespace

bool Mask::contains(const Point& point) const {
  const double x = std::nearbyint(point.x), y = std::nearbyint(point.y);
  if (!(x >= 0 && y >= 0 && x < static_cast<double>(width) && y < static_cast<double>(height))) return false;
  return inside[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)] != 0;
}

Mask decode_run_lengths(int64_t width, int64_t height, std::span<const int64_t> runs) {
  constexpr int64_t kMaxPixels = int64_t{1} << 30;
  if (width < 0 || height < 0 || (height > 0 && width > kMaxPixels / height)) {
    throw Error(fmt::format("[pointing] mask of {} x {} pixels, expected at most 2^30", width, height));
  }
  Mask mask{width, height, {}};
  const auto num_pixels = static_cast<size_t>(width * height);
  mask.inside.reserve(num_pixels);
  for (size_t i = 0; i < runs.size(); ++i) {
    const size_t left = num_pixels - mask.inside.size();
    if (runs[i] < 0 || static_cast<uint64_t>(runs[i]) > left) {
      throw Error(fmt::format("[pointing] mask run {} of length {}, expected 0 to {}", i, runs[i], left));
    }
    mask.inside.insert(mask.inside.end(), static_cast<size_t>(runs[i]), static_cast<uint8_t>(i % 2));
  }
  if (mask.inside.size() != num_pixels) {
    throw Error(
        fmt::format("[pointing] mask runs cover {} pixels, expected {} x {}", mask.inside.size(), width, height));
  }
  return mask;
}

PointingScore pointing_score(std::span<const Point> predicted, bool is_point_reply, std::span<const Point> references,
                             std::span<const Mask> masks, ScoringMode mode) {
  if (masks.size() != references.size()) {
    throw Error(
        fmt::format("[pointing] {} masks for {} reference points, expected one each", masks.size(), references.size()));
  }
  if (references.empty()) return score_without_references(predicted.size());
  if (mode == ScoringMode::kReference && !is_point_reply) return {};
  if (predicted.empty()) {
    if (mode == ScoringMode::kFixed) return {};
    throw Error("[pointing] a valid reply without a usable point: no score in reference mode");
  }
  if (predicted.size() > kMostPairs / references.size()) return {};
  const std::vector<double> costs = distances(predicted, references);
  PointingScore score;
  score.assignment = assign_min_cost(costs, predicted.size(), references.size());
  score.cost = sum_of_costs(costs, references.size(), score.assignment);
  const auto num_hits =
      static_cast<double>(std::count_if(score.assignment.begin(), score.assignment.end(), [&](const auto& pair) {
        return masks[pair.second].contains(predicted[pair.first]);
      }));
  score.precision = num_hits / static_cast<double>(predicted.size());
  score.recall = num_hits / static_cast<double>(masks.size());
  if (num_hits > 0) score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall + 1e-10);
  return score;
}

PointingScore point_f1(std::span<const Point> predicted, std::span<const Box> boxes) {
  return f1_of_hits(predicted.size(), boxes.size(),
                    [&](size_t p, size_t b) { return contains(boxes[b], predicted[p]); });
}

PointingScore point_f1(std::span<const Point> predicted, std::span<const Point> references, double radius) {
  return f1_of_hits(predicted.size(), references.size(), [&](size_t p, size_t r) {
    return std::hypot(predicted[p].x - references[r].x, predicted[p].y - references[r].y) <= radius;
  });
}

double box_iou(const Box& a, const Box& b) {
  const Box overlap{std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1), std::min(a.y1, b.y1)};
  return area(overlap) / (area(a) + area(b) - area(overlap) + 1e-6);
}

}  // namespace molmo::metrics
