// Resizing with the arithmetic of torchvision's tensor path, to the bit, row by row. Facts: spec/preprocess.md
// §1.2-1.3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/default_init.h"
#include "config/input_config.h"
#include "image/picture.h"
#include "image/resize_filter.h"
#include "image/resize_rows.h"

namespace molmo::image {

/// Where the picture lies on a canvas; the rest is padding.
struct Content {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Content&) const = default;
};

/// The place of a picture that keeps its aspect ratio on a canvas, centred. Sizes are float32 and truncated, so a side
/// may lose a pixel (trap T3). Error if a side would be 0 (ratios beyond the canvas side to 1).
Content fit_content(int width, int height, int canvas_width, int canvas_height);

/// Resizes a picture onto a canvas, row by row, by the tower's rule:
/// - fit and pad (CLIP): bilinear with antialias on pixels / 255, clamped to [0, 1], the rest `pad_value`;
/// - dino, metaclip: stretched, bicubic (a = -0.5) with antialias, rounded half to even to 8 bits, / 255;
/// - siglip: stretched, bilinear without antialias, rounded in the same way.
/// The blocks' picture must outlive it.
class Resizer {
 public:
  /// `blocks` are those of blocks_for(). Rows may be taken `rows_ahead` rows after the picture's rows that they need
  /// have been absorbed.
  Resizer(std::shared_ptr<RowBlocks> blocks, int width, int height, config::ResizeKind kind, float pad_value,
          int rows_ahead = 1);

  /// One that shares nothing.
  Resizer(const Picture& picture, int width, int height, config::ResizeKind kind, float pad_value)
      : Resizer(blocks_for(picture, kind), width, height, kind, pad_value) {}

  /// What resizers of one picture and kind read, and may share.
  static std::shared_ptr<RowBlocks> blocks_for(const Picture& picture, config::ResizeKind kind);

  int width() const { return width_; }
  int height() const { return height_; }
  const Content& content() const { return content_; }

  /// Rows of the picture, counted from the top, that row `y` needs; 0 where absorbing does nothing for it.
  int rows_needed(int y) const;

  /// Runs the first pass over the rows of the picture up to `count` and keeps what it gives. Resizers that share blocks
  /// and absorb them in step read the picture once. next_row() absorbs what is missing by itself.
  void absorb(int count);

  /// The next row from the top on, RGB values in [0, 1].
  void next_row(float* out);  // [width, 3]

  /// The same as bytes, of which the values are 1 / 255ths. Only for kinds that round to bytes.
  void next_row(uint8_t* out);  // [width, 3]

 private:
  void write_content_row(int y, float* out);
  const float* filtered_row(int y) const;
  Taps column_taps(int y) const;
  void write_filtered_row(int y, float* out);
  void write_plain_row(int y, float* out);

  std::shared_ptr<RowBlocks> blocks_;
  int width_, height_;
  config::ResizeKind kind_;
  float pad_value_;
  Content content_;
  int next_ = 0;
  // The antialiased kinds: a first pass along rows, of which a ring keeps what the second one still reads.
  RowFilter row_filter_;
  int num_filtered_ = 0, num_kept_ = 0;
  DefaultInitVector<float> rows_;  // [num_kept, content.width, 3]
  AxisFilter columns_;
  // Without antialias.
  struct SpreadRow {
    int y = -1;
    std::vector<float> first, second;  // [width, 3]
  };
  const SpreadRow& spread_row(int y);
  std::vector<TwoTaps> plain_x_, plain_y_;
  SpreadRow plain_weights_;  // of the taps along a row
  std::array<SpreadRow, 2> spread_;
  std::vector<float> unrounded_;  // [width, 3], of a row that is asked for as bytes
};

}  // namespace molmo::image
