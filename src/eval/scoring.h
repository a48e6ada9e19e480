// Scores a model's reply: one number per question, by the metrics of the embedded tasks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "eval/questions.h"

namespace molmo::eval {

/// Score of a reply in [0, 1]. Points are read in pixels of a picture of `size`; a point hits an object if it lies in
/// its box (docs/evaluation.md).
double score_reply(const Question& question, const std::string& reply, data::ImageSize size);

/// The correct reply to `question` on a picture of `size`. It scores 1; as a reply to another question of the task it
/// is the chance baseline.
std::string true_reply(const Question& question, data::ImageSize size);

}  // namespace molmo::eval
