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

/// Writes the crops' patches, normalised. `patches` may be longer: how much is written past the caches depends on it.
void write_patches(image::Canvas& canvas, const TileGrid& grid, const config::PreprocessConfig& config,
                   std::span<float> patches);  // [rows * columns, N, 3p^2]

/// The same as bytes, before normalisation, for resizes that round to bytes.
void write_byte_patches(image::Canvas& canvas, const TileGrid& grid, const config::PreprocessConfig& config,
                        std::span<uint8_t> patches);  // [rows * columns, N, 3p^2]

}  // namespace molmo::preprocess
