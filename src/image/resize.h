// Resizing with the arithmetic of torchvision's tensor path, to the bit. Facts: spec/preprocess.md §1.2-1.3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/input_config.h"
#include "image/picture.h"

namespace molmo::image {

/// Float RGB, row-major, values in [0, 1] after a resize.
struct FloatPicture {
  int width = 0, height = 0;
  std::vector<float> pixels;  ///< [height, width, 3]
};

/// Where the picture lies on a canvas; the rest is padding.
struct Content {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Content&) const = default;
};

/// The place of a picture that keeps its aspect ratio on a canvas, centred. Sizes are float32 and truncated, so a side may
/// lose a pixel (trap T3). Error if a side would be 0 (ratios beyond the canvas side to 1).
Content fit_content(int width, int height, int canvas_width, int canvas_height);

/// Bilinear with antialias on pixels / 255, clamped to [0, 1] (CLIP).
FloatPicture resize_bilinear_antialias(const Picture& picture, int width, int height);

/// Bicubic (a = -0.5) with antialias, rounded half to even to 8 bits, / 255 (DINOv2, MetaCLIP).
FloatPicture resize_bicubic_antialias(const Picture& picture, int width, int height);

/// Bilinear without antialias, rounded half to even to 8 bits, / 255 (SigLIP).
FloatPicture resize_bilinear_plain(const Picture& picture, int width, int height);

/// A canvas with the picture on it, by the tower's rule: fitted and padded with `pad_value`, or stretched.
struct Canvas {
  FloatPicture picture;
  Content content;
};
Canvas resize_to_canvas(const Picture& picture, int width, int height, config::ResizeKind kind, float pad_value);

}  // namespace molmo::image
