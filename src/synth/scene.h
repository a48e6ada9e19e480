// A scene: what is to be shown is planned so that answers spread evenly, then composed with exact places.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "image/picture.h"
#include "synth/level.h"
#include "synth/sprite.h"

namespace molmo::synth {

enum class Split : uint32_t { kTrain = 0, kTest = 1, kTestUnseen = 2 };

/// "train", "test", "test_unseen"
std::string split_name(Split split);

struct SceneObject {
  std::string kind, caption, color;
  std::array<int, 4> box{};    ///< x0, y0, x1, y1 of what is visible, pixels
  std::array<int, 2> point{};  ///< x, y of one of its pixels
  int64_t num_pixels = 0;
};

struct Scene {
  image::Picture picture;
  std::string pattern, color, second_color;  ///< of the background
  std::vector<SceneObject> objects;          ///< in reading order: by the point, top to bottom
  std::string main_kind;                     ///< the kind whose count is asked; empty for a clock
  std::vector<std::string> absent_kinds;     ///< some that are not there; the main kind first if its count is 0
  std::string time;                          ///< what the clock shows; empty: no clock
};

/// Which picture: with the level and the kinds it determines every pixel, whatever thread draws it.
struct PictureId {
  uint32_t seed = 0;
  Split split = Split::kTrain;
  int64_t index = 0;
};

/// A generator for one purpose of one picture (seeds are mixed, so that neighbouring seeds share nothing).
RandomState make_random(const PictureId& id, uint32_t purpose);

/// Composes a picture. One in eight shows a clock. Of the others, seven (a level with six objects) in a row ask for
/// every count from 0 to 6 once, and every kind is asked equally often.
Scene compose_scene(const Level& level, const std::vector<Kind>& kinds, const PictureId& id);

}  // namespace molmo::synth
