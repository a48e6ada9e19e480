// A cut-out ready to be placed: trimmed to its visible pixels, premultiplied, and kept at several sizes so that a small
// object is not sampled from a large picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "synth/png_rgba.h"

namespace molmo::synth {

/// One picture of a kind of thing.
struct Sprite {
  std::string caption;   ///< a person's words ("A clown fish."), with the first letter in upper case and a full stop
  std::string color;     ///< its one colour, where it has one
  bool may_flip = true;  ///< false where mirroring would be wrong (letters, clock faces)
  bool may_turn = true;
  std::vector<RgbaPicture> sizes;  ///< premultiplied; sizes[i + 1] has half the side of sizes[i]

  int width() const { return sizes.front().width; }
  int height() const { return sizes.front().height; }
};

/// A kind of thing ("dog") with its pictures.
struct Kind {
  std::string name;    ///< singular, lower case
  std::string family;  ///< "bird" of the kind "penguin"; empty: none
  std::vector<Sprite> sprites;
  int held_out = -1;  ///< index of the sprite that only the test split shows; -1: none

  /// Whether a question about one of the two would be ambiguous beside the other (a penguin is a bird).
  bool overlaps(const Kind& other) const { return name == other.name || name == other.family || family == other.name; }
};

/// Trims straight-alpha `picture` to what is visible, limits its longer side to 512 and fills `sizes`.
/// Returns false (and an empty list) for a picture without visible pixels.
bool set_sprite_picture(const RgbaPicture& picture, Sprite& sprite);

/// Share of the pixels inside the trimmed picture that are opaque (alpha above 200) among those that are visible at
/// all.
double opaque_share(const Sprite& sprite);

}  // namespace molmo::synth
