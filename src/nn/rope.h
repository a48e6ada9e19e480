// Rotary positions, half-split layout, float32 tables. Facts: spec/model.md §2.10.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::nn {

/// Sine and cosine rows of some positions.
struct RopeTables {
  Tensor sin, cos;  // [..., Dh] float32
};

/// Rows for `positions`, computed with the float32 recipe (a float64 table differs by up to 1e-4 at position 4095).
RopeTables rope_tables(const Tensor& positions, int64_t head_dim, double theta);  // [...] int64 -> [..., Dh]

/// Rotates pairs (i, i + Dh/2) in float32 and returns the dtype of `x`. Tables broadcast against [B, heads, S, Dh].
Tensor apply_rope(const Tensor& x, const RopeTables& tables);  // [B, heads, S, Dh] -> same

}  // namespace molmo::nn
