// SPDX-License-Identifier: Apache-2.0
#include "preprocess/image_tokens.h"

#include <algorithm>

#include "preprocess/tiling.h"

namespace molmo::preprocess {
namespace {

bool has_tiles(const config::PreprocessConfig& config) {
  return config.crop_mode == config::CropMode::kOverlapAndResize;
}

// Cells with a column token after each row, between start and end.
int block_tokens(int rows, int columns, const config::PreprocessConfig& config) {
  return rows * (columns + (config.use_col_tokens ? 1 : 0)) + 2;
}

int cells_of(const std::vector<KeptCells>& tiles) { return tiles.back().start + tiles.back().count; }

}  // namespace

int most_crops(const config::PreprocessConfig& config) { return has_tiles(config) ? config.max_crops + 1 : 1; }

int most_image_tokens(const config::PreprocessConfig& config) {
  int most = 0;
  for (int rows = 1; has_tiles(config) && rows <= config.max_crops; ++rows) {
    const int columns = config.max_crops / rows;
    most = std::max(
        most,
        block_tokens(cells_of(kept_cells(rows, config.patches_high(), config.overlap_margins, config.pool_height)),
                     cells_of(kept_cells(columns, config.patches_wide(), config.overlap_margins, config.pool_width)),
                     config));
  }
  return block_tokens(config.cells_high(), config.cells_wide(), config) + most;
}

}  // namespace molmo::preprocess
