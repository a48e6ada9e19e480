// Rounding to 8 bits, half to even, as resizes of some towers end (spec/preprocess.md §1.3).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace molmo::image {

/// Clamps to [0, 255] and rounds.
void round_to_bytes(const float* values, size_t count, uint8_t* out);

/// The same in place, as value / 255.
void round_to_unit(float* values, size_t count);

}  // namespace molmo::image
