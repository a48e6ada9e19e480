// The things that scenes are made of: stamps with their captions where they are installed, else drawn shapes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "base/thread_pool.h"
#include "synth/level.h"
#include "synth/sprite.h"

namespace molmo::synth {

struct SpriteLibrary {
  std::vector<Kind> kinds;         ///< of the splits train and test
  std::vector<Kind> unseen_kinds;  ///< of the split test_unseen
  bool has_stamps = false;         ///< false: drawn shapes
};

/// Loads what `level` uses. A stamp is used if it has an alpha channel, at least 40 pixels on its longer side, is not
/// mostly see-through, and find_stamp_kind knows it. Of a kind with several stamps one is held out for the test split.
/// Shapes take over, with a warning, where `stamps` is no folder or lacks kinds that the level needs.
SpriteLibrary load_sprite_library(const std::filesystem::path& stamps, const Level& level, ThreadPool& pool);

}  // namespace molmo::synth
