// The first pass of an antialiased resize: along rows, eight rows at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "image/picture.h"
#include "image/resize_filter.h"

namespace molmo::image {

using ValueTable = std::array<float, 256>;  ///< what an 8-bit value counts as

/// Filters every row of `picture` to `width` pixels. The order of operations of each output is that of Taps.
void resize_rows(const Picture& picture, const ValueTable& table, int width, Filter filter, float* out);  // -> [height, width, 3]

}  // namespace molmo::image
