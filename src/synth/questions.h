// Short questions about a scene, each with the one right answer; what has none is not asked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "synth/scene.h"

namespace molmo::synth {

struct Question {
  std::string text, answer, style = "short_answer";
};

struct Choice {
  std::string question;
  std::vector<std::string> options;
  int answer = 0;
};

/// The questions that the scene answers: presence, background, size, places, colors, number of things, time (style
/// "clock"). With `is_rich` three of them at random, else all.
std::vector<Question> draw_questions(const Scene& scene, bool is_rich, RandomState& random);

/// "Which of these is in the picture?" with one kind that is there; nothing where the scene is empty.
std::optional<Choice> draw_choice(const Scene& scene, RandomState& random);

}  // namespace molmo::synth
