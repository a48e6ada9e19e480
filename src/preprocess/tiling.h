// How many crops a picture gets, and which of their pooled cells are kept. Facts: spec/preprocess.md §2.1-2.6.
// Paper: [P §2 Cropping] [P App. A.1].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/input_config.h"

namespace molmo::preprocess {

/// Rows and columns of tiles.
struct Tiling {
  int rows = 1, columns = 1;
  int num_tiles() const { return rows * columns; }
  bool operator==(const Tiling&) const = default;
};

/// Chooses the tiling whose canvas fits best: the smallest upscaling, or, if every candidate shrinks the picture, the
/// least shrinking. `height` and `width` are the picture's sides less the margins and may be zero or negative; `window`
/// is the side of a tile without margins in pixels. PARITY: float32 ratios, first of equals in (tiles, rows) order.
Tiling choose_tiling(int height, int width, int window, int max_tiles);

/// The tiling of a picture under a crop configuration.
Tiling tiling_of(int picture_width, int picture_height, const config::PreprocessConfig& config);

/// Kept cells of one tile along one axis.
struct KeptCells {
  int first = 0;  ///< index of the first kept cell inside the tile
  int count = 0;
  int start = 0;  ///< kept cells of the tiles before it
};

/// Kept cells of every tile along one axis. `num_patches` per crop side, margins in patches.
std::vector<KeptCells> kept_cells(int num_tiles, int num_patches, std::array<int, 2> margins, int pool);

/// Pixel sides derived from a configuration.
struct CropGeometry {
  int margin_pixels = 0;  ///< both margins together
  int window_pixels = 0;  ///< what a tile adds to the canvas

  explicit CropGeometry(const config::PreprocessConfig& config)
      : margin_pixels(config.patch_size * (config.overlap_margins[0] + config.overlap_margins[1])),
        window_pixels(config.patch_size * config.patches_high() - margin_pixels) {}
  int canvas_side(int num_tiles) const { return num_tiles * window_pixels + margin_pixels; }
};

/// Refuses configurations that cannot be cropped: a base that is no multiple of the patch size, margins that split a
/// pooling window or leave no window, a base that is not square in overlap mode.
void expect_croppable(const config::PreprocessConfig& config);

}  // namespace molmo::preprocess
