// Norms, softmax statistics and rotary positions are computed in float32 whatever the compute dtype; tests that run in
// float64 keep it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo {

/// `x` in float32; float64 is left as it is.
inline Tensor widened(const Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

}  // namespace molmo
