// What lies under each pooled cell: the targets that train a tower on its own, before there is a decoder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/own_data.h"
#include "preprocess/crops.h"

namespace molmo::data {

inline constexpr int64_t kBackgroundLabel = 0;
inline constexpr int64_t kIgnoredLabel = -100;  ///< of cells on padding or beyond the picture
inline constexpr int64_t kPlaceSteps = 20;      ///< bins of a crop's width and of its height

/// The object under a cell: the smallest one whose box holds the cell's centre, or whose own centre lies in the cell.
/// Column and row are bins of the crop in which the centre of the object's box lies, the nearest for one outside the
/// crop. Without an object they are those of the cell's own centre, so that every token carries a position.
struct CellLabel {
  int64_t kind = kBackgroundLabel;  ///< 1 + index in the sorted kinds; background; or ignored
  int64_t column = kIgnoredLabel;
  int64_t row = kIgnoredLabel;

  bool operator==(const CellLabel&) const = default;
};

/// One label per cell. Kinds that are not listed count as background.
std::vector<CellLabel> label_cells(std::span<const ObjectEntry> objects, std::span<const preprocess::CellPlace> places,
                                   const std::vector<std::string>& kinds);

}  // namespace molmo::data
