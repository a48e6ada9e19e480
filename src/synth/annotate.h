// From a scene to its line of data.jsonl (docs/data.md): captions, points, counts, questions and choices with exact
// answers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "base/random.h"
#include "synth/scene.h"

namespace molmo::synth {

/// The record of a scene. `is_rich` varies the wording (level 2); else captions are short and regular: objects from
/// left to right. `random` draws the templates and which questions are asked.
Json annotate_scene(const Scene& scene, const std::string& image, Split split, bool is_rich, RandomState& random);

}  // namespace molmo::synth
