// Short questions about a scene, each with the one right answer; what has none is not asked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "synth/scene.h"

namespace molmo::synth {

struct QaPair {
  std::string text, answer, style = "short_answer";
};

struct Choice {
  std::string question;
  std::vector<std::string> options;
  int answer = 0;
};

/// Three of the questions that the scene answers (presence, background, size, places, colors, number of things), in
/// random order; before them that for the time (style "clock").
std::vector<QaPair> draw_questions(const Scene& scene, RandomState& random);

/// "Which of these is in the picture?" with one kind that is there; nothing where the scene is empty.
std::optional<Choice> draw_choice(const Scene& scene, RandomState& random);

}  // namespace molmo::synth
