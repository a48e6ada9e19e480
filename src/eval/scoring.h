// What a reply is worth: one number per question, through the metrics of the embedded tasks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "eval/questions.h"

namespace molmo::eval {

/// Score of a reply in [0, 1]. Points are read in pixels of a picture of `size`; a point hits an object if it lies in
/// its box (docs/evaluation.md).
double score_reply(const Question& question, const std::string& reply, data::ImageSize size);

/// The reply that would be right for `question` on a picture of `size`: scoring it gives 1, and given to another
/// question of the task it is what guessing from the distribution of answers is worth.
std::string true_reply(const Question& question, data::ImageSize size);

}  // namespace molmo::eval
