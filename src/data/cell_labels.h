// What lies under each pooled cell: the targets that train a tower on its own, before it meets a decoder.
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
inline constexpr int64_t kPlaceSteps = 20;      ///< into which a crop's width and height are cut

/// The object under a cell: the smallest whose box holds the cell's middle, or whose own middle lies in the cell.
struct CellLabel {
  int64_t kind = kBackgroundLabel;  ///< 1 + index in the sorted kinds; background; or ignored
  int64_t column =
      kIgnoredLabel;  ///< step of the crop's width in which the middle of the object's box lies, of the cell's
                      ///< own middle where there is no object: so that every token tells where it is
  int64_t row = kIgnoredLabel;  ///< of its height; a middle outside the crop counts as the nearest step

  bool operator==(const CellLabel&) const = default;
};

/// One label per cell. Kinds that are not listed count as background.
std::vector<CellLabel> label_cells(std::span<const ObjectEntry> objects, std::span<const preprocess::CellPlace> places,
                                   const std::vector<std::string>& kinds);

}  // namespace molmo::data
