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

/// Centre of every pooled cell of every crop, in pixels of the original picture: [T, P] (x, y); NaN where the cell lies on
/// padding.
std::vector<std::pair<float, float>> cell_centers(int width, int height, const config::PreprocessConfig& config);

}  // namespace molmo::preprocess
