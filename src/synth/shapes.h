// Drawn shapes in several colours: the kinds of things where no stamps are installed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "synth/sprite.h"

namespace molmo::synth {

/// Twelve kinds (circle, square, ...), each in six colours of which one is held out for the test split.
std::vector<Kind> draw_shape_kinds();

/// Four more kinds, for the split of unseen kinds.
std::vector<Kind> draw_unseen_shape_kinds();

}  // namespace molmo::synth
