// How one forward pass computes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/dropout.h"

namespace molmo::model {

/// `compute` is the dtype of matrix products and attention; the residual stream of the decoder, norms and RoPE stay
/// float32. Facts: spec/model.md §2.16.
struct ForwardOptions {
  at::ScalarType compute = at::kFloat;
  nn::DropoutState dropout;
};

}  // namespace molmo::model
