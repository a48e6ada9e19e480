// Model inputs as tensors: rows of tokens and a flat list of crops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::model {

/// Padding crops do not exist here: pictures of different rows follow one another, text-only rows have none.
struct ModelInputs {
  Tensor input_ids;        // [B, S] int64, -1 = right padding
  Tensor position_ids;     // [B, S] int64 or undefined (then derived from input_ids)
  Tensor subsegment_ids;   // [B, S] int64 or undefined: several annotations of one image in a row
  Tensor is_response;      // [B, S] bool or undefined: positions whose target is a response token
  Tensor patches;          // [C, N, 3p^2] float32 or undefined: normalised pixels
  Tensor image_masks;      // [C, N] float32 or undefined: share of picture per patch
  Tensor crop_rows;        // [C] int64: row of each crop
  Tensor token_positions;  // [C, P] int64: position of each pooled token in its row; negative = discarded
};

}  // namespace molmo::model
