// Cuts a canvas into the patches of its crops. Facts: spec/preprocess.md §1.4, §2.7.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "config/input_config.h"
#include "image/resize.h"

namespace molmo::preprocess {

/// Crops of one canvas, in raster order: each begins `step` pixels after the one before it. By default one crop.
struct TileGrid {
  int rows = 1, columns = 1;
  int step = 0;
};

/// A canvas, its crops, and where their patches go: normalised, or as bytes before that (for resizes that round to
/// bytes). The other one is empty.
struct PatchTarget {
  image::Resizer* resizer;  ///< of the canvas
  TileGrid grid;
  std::span<float> patches;         // [rows * columns, N, 3p^2]
  std::span<uint8_t> byte_patches;  // the same
};

/// Writes the patches of canvases of one picture, whose rows all of them absorb before the next ones.
void write_patches(std::span<const PatchTarget> targets, int picture_height, const config::PreprocessConfig& config);

}  // namespace molmo::preprocess
