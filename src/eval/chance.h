// The chance baseline: what guessing from the distribution of right replies scores.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/questions.h"

namespace molmo::eval {

/// For each of the questions the index of another one, drawn from those that are put in the same words: of the same
/// task, or for pointing and absence of either, since who does not look cannot tell which it is asked. The only one of
/// its kind gets itself.
std::vector<size_t> draw_others(std::span<const Task> tasks, uint32_t seed);

}  // namespace molmo::eval
