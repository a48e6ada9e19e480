// SPDX-License-Identifier: Apache-2.0
#include "preprocess/tiling.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "molmo/error.h"

namespace molmo::preprocess {
namespace {

// All grids of at most `max_tiles`, fewer tiles first, then fewer rows.
std::vector<Tiling> candidates(int max_tiles) {
  std::vector<Tiling> grids;
  for (int rows = 1; rows <= max_tiles; ++rows) {
    for (int columns = 1; rows * columns <= max_tiles; ++columns) grids.push_back({rows, columns});
  }
  std::stable_sort(grids.begin(), grids.end(), [](const Tiling& a, const Tiling& b) {
    return std::pair(a.num_tiles(), a.rows) < std::pair(b.num_tiles(), b.rows);
  });
  return grids;
}

}  // namespace

Tiling choose_tiling(int height, int width, int window, int max_tiles) {
  MOLMO_CHECK(max_tiles >= 1, "no tile allowed");
  Tiling smallest_above, largest_below;
  float above = 0.0f, below = 0.0f;
  bool any_above = false, any_below = false;
  for (const Tiling& grid : candidates(max_tiles)) {
    // A side of zero gives +inf and a negative one a negative ratio, as in the reference (trap T4).
    const float scale = std::min(static_cast<float>(grid.rows * window) / static_cast<float>(height),
                                 static_cast<float>(grid.columns * window) / static_cast<float>(width));
    if (scale >= 1.0f) {
      if (!any_above || scale < above) smallest_above = grid, above = scale;
      any_above = true;
    } else {
      if (!any_below || scale > below) largest_below = grid, below = scale;
      any_below = true;
    }
  }
  return any_above ? smallest_above : largest_below;
}

Tiling tiling_of(int picture_width, int picture_height, const config::PreprocessConfig& config) {
  const CropGeometry geometry(config);
  return choose_tiling(picture_height - geometry.margin_pixels, picture_width - geometry.margin_pixels,
                       geometry.window_pixels, config.max_crops);
}

std::vector<KeptCells> kept_cells(int num_tiles, int num_patches, std::array<int, 2> margins, int pool) {
  const int window = num_patches - margins[0] - margins[1];
  std::vector<KeptCells> axis;
  int start = 0;
  for (int tile = 0; tile < num_tiles; ++tile) {
    const int patches = window + (tile == 0 ? margins[0] : 0) + (tile == num_tiles - 1 ? margins[1] : 0);
    const int count = (patches + pool - 1) / pool;
    axis.push_back({tile == 0 ? 0 : margins[0] / pool, count, start});
    start += count;
  }
  return axis;
}

void expect_croppable(const config::PreprocessConfig& config) {
  const auto refuse = [](const std::string& what) { throw Error("[preprocess] " + what); };
  if (config.image_height % config.patch_size != 0 || config.image_width % config.patch_size != 0) {
    refuse(fmt::format("crop size, got {}x{}, expected multiples of patch_size = {}", config.image_width,
                       config.image_height, config.patch_size));
  }
  if (config.crop_mode != config::CropMode::kOverlapAndResize) return;
  if (config.image_height != config.image_width) {
    refuse(fmt::format("crop size, got {}x{}, expected a square in mode overlap-and-resize-c2", config.image_width,
                       config.image_height));
  }
  for (const int margin : config.overlap_margins) {
    if (margin % config.pool_height != 0 || margin % config.pool_width != 0) {
      refuse(fmt::format("overlap_margins, got {}, expected a multiple of the pooling window {}x{}", margin,
                         config.pool_height, config.pool_width));
    }
  }
  if (CropGeometry(config).window_pixels <= 0) {
    refuse(fmt::format("overlap_margins, got {} patches in total, expected less than the {} of a crop",
                       config.overlap_margins[0] + config.overlap_margins[1], config.patches_high()));
  }
}

}  // namespace molmo::preprocess
