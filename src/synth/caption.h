// Captions of a scene, and the same told as people would say it (transcripts).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "synth/scene.h"

namespace molmo::synth {

struct KindCount {
  std::string kind;
  int64_t count = 0;
};

/// The kinds that are there, most frequent first, equal ones from left to right.
std::vector<KindCount> count_kinds(const Scene& scene);

int64_t count_of(const Scene& scene, const std::string& kind);

/// The objects from left to right (by the middle of the box).
std::vector<const SceneObject*> from_left_to_right(const Scene& scene);

/// "2 dogs and 1 apple on a striped blue background. From left to right: a dog at the top left, ..."
std::string regular_caption(const Scene& scene);

/// The same facts in one of several wordings.
std::string varied_caption(const Scene& scene, RandomState& random);

/// Every object by name with its point, from left to right: what an annotator would say while clicking.
std::string pointing_transcript(const Scene& scene);

/// Three descriptions: in the words of the stamps' own captions, by number, and by place.
std::vector<std::string> transcripts(const Scene& scene, RandomState& random);

}  // namespace molmo::synth
