// A picture on which cut-outs are laid, with the owner of every pixel: boxes, points and occlusion come from it
// exactly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "image/picture.h"
#include "synth/sprite.h"

namespace molmo::synth {

/// How a sprite is shown.
struct Pose {
  double longer_side = 64;  ///< pixels, of the turned sprite's frame
  double angle = 0;         ///< degrees, counter-clockwise
  bool is_flipped = false;  ///< left to right
  double contrast = 1;
  std::array<double, 3> gains = {1, 1, 1};  ///< of red, green and blue
};

/// Renders a sprite: premultiplied, trimmed to what is visible. May be empty for an extremely small side.
RgbaPicture render_sprite(const Sprite& sprite, const Pose& pose);

/// Where an object can be seen in the finished picture.
struct VisibleRegion {
  std::array<int, 4> box{};    ///< x0, y0, x1, y1 in pixels; x1 and y1 are one past the last pixel
  std::array<int, 2> point{};  ///< x, y of a pixel of the object near the middle of what is visible
  int64_t num_pixels = 0;
};

class Canvas {
 public:
  explicit Canvas(image::Picture background);

  int width() const { return picture_.width; }
  int height() const { return picture_.height; }

  /// Lays the cut-out with its top left corner at (x, y) over what is there, as the next object. Refuses (returns
  /// false) if it does not fit or if an earlier object would keep less than `min_visible` of its pixels.
  bool try_place(const RgbaPicture& cutout, int x, int y, double min_visible);

  /// The visible region of the `index`-th object.
  VisibleRegion find_visible_region(size_t index) const;

  const image::Picture& picture() const { return picture_; }

 private:
  struct Placed {
    std::array<int, 4> box;
    int64_t num_pixels = 0, num_covered = 0;
  };
  bool leaves_enough_visible(const RgbaPicture& cutout, int x, int y, double min_visible) const;
  std::array<int, 2> find_point(const std::array<int, 4>& box, int owner, double mean_x, double mean_y) const;
  int owner_at(int y, int x) const { return owners_[static_cast<size_t>(y) * picture_.width + x]; }

  image::Picture picture_;
  std::vector<int16_t> owners_;  ///< [height, width]; -1: background
  std::vector<Placed> placed_;
};

}  // namespace molmo::synth
