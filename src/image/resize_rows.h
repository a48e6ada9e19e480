// The first pass of an antialiased resize: along rows, eight rows at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/default_init.h"
#include "image/picture.h"
#include "image/resize_filter.h"

namespace molmo::image {

/// Rows of a picture, which must outlive it, in blocks as filters read them: side by side, value / `divisor`. Filters
/// to several widths can share one; the block that was asked for last is kept.
class RowBlocks {
 public:
  static constexpr int kRows = 8;

  RowBlocks(const Picture& picture, float divisor) : picture_(picture), divisor_(divisor) {}

  /// The rows from `first` on; after the last one they repeat it. Good until the next call.
  const float* block(int first);                 // [picture width, 3, kRows]
  void copy_block(int first, float* out) const;  // [kRows, picture width, 3]
  const Picture& picture() const { return picture_; }

 private:
  const Picture& picture_;
  float divisor_;
  int first_ = -1;
  DefaultInitVector<float> block_;
};

/// Filters blocks of rows to another width.
class RowFilter {
 public:
  RowFilter() = default;
  RowFilter(int picture_width, int width, Filter filter);

  /// The block of rows from `first` on. The order of operations of each output is that of Taps.
  void write_block(RowBlocks& blocks, int first, float* out);  // [kRows, width, 3]

 private:
  int width_ = 0;
  AxisFilter axis_;               // empty where the width stays
  DefaultInitVector<float> out_;  // [width, 3, kRows]
};

}  // namespace molmo::image
