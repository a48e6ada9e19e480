// From a picture to crops, image tokens, index map and padding masks. Facts: spec/preprocess.md §2. Paper: [P §2].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "image/picture.h"
#include "preprocess/example.h"
#include "preprocess/tiling.h"
#include "text/tokenizer.h"

namespace molmo::preprocess {

/// Overview and tiles of a picture. token_positions count from the first token of the block (before BOS); discarded
/// cells are -100. Errors: a picture too narrow to fit, a configuration that cannot be cropped.
ImageInputs make_image_inputs(const image::Picture& picture, const config::PreprocessConfig& config,
                              const text::SpecialTokens& special);

/// Where a pooled cell lies, in pixels of the original picture.
struct CellPlace {
  float x, y;  ///< its middle; NaN where the cell lies on padding
  float width, height;
  float left, top, crop_width, crop_height;  ///< its crop, which may reach beyond the picture
};

/// The place of every pooled cell of every crop: [T, P].
std::vector<CellPlace> cell_places(int width, int height, const config::PreprocessConfig& config);

}  // namespace molmo::preprocess
