// The first pass of an antialiased resize: along rows, eight rows at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/default_init.h"
#include "image/picture.h"
#include "image/resize_filter.h"

namespace molmo::image {

/// Filters rows of a picture, which must outlive it, to another width. An 8-bit value counts as value / `divisor`.
class RowFilter {
 public:
  static constexpr int kBlock = 8;  ///< rows that are filtered together

  RowFilter() = default;
  RowFilter(const Picture& picture, float divisor, int width, Filter filter);

  /// The rows from `first` on, kBlock of them; behind the last one they repeat it. The order of operations of each
  /// output is that of Taps.
  void write_block(int first, float* out);  // [kBlock, width, 3]

 private:
  const Picture* picture_ = nullptr;
  float divisor_ = 1.0f;
  int width_ = 0;
  AxisFilter axis_;
  DefaultInitVector<float> in_, out_;  // [picture width, 3, kBlock], [width, 3, kBlock]
};

}  // namespace molmo::image
