// What is computed in float32 whatever the dtype of the passes, and in float64 where tests compute in that.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo {

/// In float32, or as it is where it is float64.
inline Tensor widened(const Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

}  // namespace molmo
