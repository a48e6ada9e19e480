// Backgrounds that can be named: a pattern and a colour ("striped", "blue").
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "image/picture.h"

namespace molmo::synth {

struct Background {
  image::Picture picture;
  std::string pattern;       ///< "striped"
  std::string color;         ///< "blue"; of a two-coloured one the first
  std::string second_color;  ///< empty: a shade of the first
};

/// Draws a background of `width` x `height` pixels in one of background_patterns(). `is_rich` allows two colours and
/// scatters faint strokes over half of the pictures.
Background draw_background(int width, int height, bool is_rich, RandomState& random);

const std::vector<std::string>& background_patterns();
const std::vector<std::string>& background_colors();

/// RGB of a named colour; an invariant fails for an unknown name.
std::array<uint8_t, 3> color_value(const std::string& name);

}  // namespace molmo::synth
