// Pointing: precision, recall and F1 of predicted points after an optimal one-to-one assignment, against masks (the
// benchmark) or boxes (the embedded tasks). Facts: spec/eval.md §1.10 Pointing. Paper: [P App.D], [P Tab.11].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/geometry.h"
#include "metrics/scoring_mode.h"

namespace molmo::metrics {

/// A region of a picture, [height, width].
struct Mask {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> inside;  ///< row-major, 0 or 1

  /// Whether the pixel that `point` rounds to (half to even) is in the picture and in the region.
  bool contains(const geometry::Point& point) const;
};

/// Reads row-major run lengths (first run outside). Error unless they fill the picture.
Mask decode_run_lengths(int64_t width, int64_t height, std::span<const int64_t> runs);

/// Scores of one question.
struct PointingScore {
  double precision = 0.0, recall = 0.0, f1 = 0.0;
  std::vector<std::pair<size_t, size_t>> assignment;  ///< (prediction, reference), ordered by prediction
  double cost = 0.0;                                  ///< sum of the assigned distances (masks only)
};

/// PixMo-Points-Eval: nearest assignment, hit if the prediction lies in the mask of its reference. Without references:
/// 1 if nothing was predicted, else 0. `is_point_reply`: metrics/point_reply.h; only reference mode asks for it, and
/// is an Error for a valid reply without points. `predicted` is in pixels; so should `references` be (PARITY: the
/// shipped evaluation passes percent). More than 2^20 pairs of a prediction and a reference, which no answer has, score
/// 0: the assignment would take minutes.
PointingScore pointing_score(std::span<const geometry::Point> predicted, bool is_point_reply,
                             std::span<const geometry::Point> references, std::span<const Mask> masks,
                             ScoringMode mode = ScoringMode::kReference);

/// Pointing against boxes: predictions and boxes are paired, each at most once, so that as many predictions as possible
/// lie inside their box (borders included): the hits. F1 is 2 hits over all predictions and boxes; without boxes 1 if
/// nothing was predicted, else 0.
PointingScore point_f1(std::span<const geometry::Point> predicted, std::span<const geometry::Box> boxes);

/// The same where a hit is a prediction at most `radius` pixels from its reference.
PointingScore point_f1(std::span<const geometry::Point> predicted, std::span<const geometry::Point> references,
                       double radius);

/// Intersection over union, with 1e-6 added to the union. A box with corners in the wrong order has area 0.
double box_iou(const geometry::Box& a, const geometry::Box& b);

}  // namespace molmo::metrics
