// Scores a model's prediction: one number per question, by the metrics of the embedded tasks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "eval/questions.h"

namespace molmo::eval {

/// How the points of a prediction meet the true ones, in pixels of a picture of `size`.
struct PointMatch {
  std::vector<geometry::Point> predicted, truth;
  std::vector<bool> is_hit;    ///< of the predicted points
  std::vector<bool> is_found;  ///< of the true ones
  double f1 = 0.0;
};

/// Pairs predicted and true points, each at most once. A point hits an object if it lies in its box, or where the truth
/// has no boxes within its radius (docs/evaluation.md).
PointMatch match_points(const Question& question, const std::string& prediction, data::ImageSize size);

/// Score of a prediction in [0, 1].
double score_prediction(const Question& question, const std::string& prediction, data::ImageSize size);

/// The correct answer to `question` on a picture of `size`. It scores 1; as an answer to another question of the task
/// it is the chance baseline.
std::string true_answer(const Question& question, data::ImageSize size);

}  // namespace molmo::eval
