// Pixel statistics of the towers. Facts: spec/preprocess.md §1.4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/input_config.h"

namespace molmo::image {

/// (x - mean) / std per RGB channel, or 2x - 1 (SigLIP), in float32.
struct Normalization {
  bool is_siglip = false;
  std::array<float, 3> mean{}, std{};

  bool operator==(const Normalization&) const = default;
  float operator()(float value, int channel) const {
    return is_siglip ? -1.0f + 2.0f * value : (value - mean[channel]) / std[channel];
  }
};

Normalization normalization_of(config::NormalizeKind kind);

}  // namespace molmo::image
