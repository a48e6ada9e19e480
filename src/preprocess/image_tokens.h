// How many tokens a picture can take, without any picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/input_config.h"

namespace molmo::preprocess {

/// Crops of a picture that gets as many as it can, the overview included.
int most_crops(const config::PreprocessConfig& config);

/// Image tokens of the tiling that has most of them: overview and tiles with the tokens that begin, end and break them.
int most_image_tokens(const config::PreprocessConfig& config);

}  // namespace molmo::preprocess
