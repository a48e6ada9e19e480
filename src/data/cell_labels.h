// What lies under each pooled cell: the targets that train a tower on its own, before it meets a decoder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/own_data.h"

namespace molmo::data {

inline constexpr int64_t kBackgroundLabel = 0;
inline constexpr int64_t kIgnoredLabel = -100;  ///< of cells on padding or beyond the picture

/// One label per centre (pixels of the original picture; NaN: ignored): 1 + index in the sorted `kinds` of the smallest
/// box that holds the centre, or background. Kinds that are not listed count as background.
std::vector<int64_t> label_cells(std::span<const ObjectEntry> objects, std::span<const std::pair<float, float>> centers,
                                 const std::vector<std::string>& kinds);

}  // namespace molmo::data
