// The tower's position tables on another grid than they were trained on. Facts: spec/model.md §2.2, §4.5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace molmo::model {

/// Rows of a table whose first `num_class_rows` stay: the others, a square grid, are stretched to the given one.
/// As the public model does while it runs: bicubic with antialias to the size.
Tensor resize_positions(const Tensor& table, int64_t num_class_rows, int64_t grid_height,
                        int64_t grid_width);  // [c+s*s, Dv] -> [c+h*w, Dv]

/// As the public conversion of pre-trained towers does: bicubic without antialias by the factor (side + 0.1) / s, which
/// is also the sampling step (trap T32). A table of that side already is returned as it is.
Tensor convert_positions(const Tensor& table, int64_t num_class_rows,
                         int64_t side);  // [c+s*s, Dv] -> [c+side*side, Dv]

bool is_square_grid(int64_t num_grid_rows);  ///< and not empty

/// Whether a stored table needs resize_positions() for this grid: it holds a square one with other sides.
bool needs_resize(int64_t num_grid_rows, int64_t grid_height, int64_t grid_width);

}  // namespace molmo::model
