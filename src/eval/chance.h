// The chance baseline: the score of guessing from the distribution of correct answers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/questions.h"

namespace molmo::eval {

/// For each question the index of another one, drawn from those with the same wording: of the same task, or of either
/// for pointing and absence, since without the picture the two cannot be told apart. A question without a like gets
/// itself.
std::vector<size_t> draw_others(std::span<const Task> tasks, uint32_t seed);

}  // namespace molmo::eval
