// SPDX-License-Identifier: Apache-2.0
#include "model/positions.h"

#include <cmath>

#include "base/check.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

int64_t side_of(int64_t rows) { return std::llround(std::sqrt(static_cast<double>(rows))); }

// [s*s, Dv] -> [1, Dv, s, s]
Tensor as_picture(const Tensor& grid) {
  const int64_t side = side_of(grid.size(0));
  MOLMO_CHECK(side * side == grid.size(0), fmt::format("a position grid of {} rows is not square", grid.size(0)));
  return grid.view({1, side, side, grid.size(1)}).permute({0, 3, 1, 2});
}

// [1, Dv, h, w] after the class rows -> [c+h*w, Dv]
Tensor as_table(const Tensor& class_rows, const Tensor& picture) {
  return at::concat({class_rows, picture.permute({0, 2, 3, 1}).reshape({-1, picture.size(1)})}, 0);
}

}  // namespace

bool is_square_grid(int64_t num_grid_rows) {
  return num_grid_rows > 0 && side_of(num_grid_rows) * side_of(num_grid_rows) == num_grid_rows;
}

bool needs_resize(int64_t num_grid_rows, int64_t grid_height, int64_t grid_width) {
  const int64_t side = side_of(num_grid_rows);
  return side * side == num_grid_rows && (side != grid_height || side != grid_width);
}

Tensor resize_positions(const Tensor& table, int64_t num_class_rows, int64_t grid_height, int64_t grid_width) {
  const Tensor picture = as_picture(table.slice(0, num_class_rows));
  return as_table(table.slice(0, 0, num_class_rows),
                  at::_upsample_bicubic2d_aa(picture, {grid_height, grid_width}, /*align_corners=*/false));
}

Tensor convert_positions(const Tensor& table, int64_t num_class_rows, int64_t side) {
  const Tensor picture = as_picture(table.slice(0, num_class_rows));
  if (picture.size(2) == side) return table;
  const double factor = (static_cast<double>(side) + 0.1) / static_cast<double>(picture.size(2));
  const std::vector<double> factors{factor, factor};
  const Tensor resized =
      at::upsample_bicubic2d(picture.contiguous(), c10::OptionalIntArrayRef(), /*align_corners=*/false, factors);
  MOLMO_CHECK(resized.size(2) == side && resized.size(3) == side, "the factor misses the target grid");
  return as_table(table.slice(0, 0, num_class_rows), resized);
}

}  // namespace molmo::model
