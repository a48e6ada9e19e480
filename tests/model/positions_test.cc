// SPDX-License-Identifier: Apache-2.0
#include "model/positions.h"

#include <gtest/gtest.h>

#include "tensor/ops.h"

namespace molmo::model {
namespace {

TEST(Positions, OneSideOfItsOwnIsEnoughToResize) {
  EXPECT_FALSE(needs_resize(16, 4, 4));
  EXPECT_TRUE(needs_resize(16, 4, 5));  // one side equals the table's
  EXPECT_TRUE(needs_resize(16, 5, 4));
  EXPECT_TRUE(needs_resize(16, 2, 8));
  EXPECT_FALSE(needs_resize(20, 4, 5));  // no square: stored for this grid
}

TEST(Positions, ResizeKeepsClassRowsAndConstants) {
  const Tensor table = at::concat({at::full({1, 3}, 7.0), at::full({16, 3}, 2.0)});
  const Tensor resized = resize_positions(table, 1, 4, 6);
  EXPECT_EQ(resized.sizes(), (IntArrayRef{25, 3}));
  EXPECT_EQ(resized[0][0].item<float>(), 7.0f);
  EXPECT_LT((resized.slice(0, 1) - 2.0).abs().max().item<float>(), 1e-5f);
}

}  // namespace
}  // namespace molmo::model
