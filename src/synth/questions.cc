// SPDX-License-Identifier: Apache-2.0
#include "synth/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "synth/caption.h"
#include "synth/wording.h"

namespace molmo::synth {
namespace {

constexpr double kClearlyBigger = 1.5;  // times the area of the next
constexpr double kClearlyApart = 0.08;  // of the picture's width, between middles
constexpr size_t kMostQuestions = 3;    // beside that for the time

double middle_x(const SceneObject& object) { return (object.box[0] + object.box[2]) / 2.0; }

std::string answer_yes_no(bool yes) { return yes ? "yes" : "no"; }

void add_presence(const Scene& scene, RandomState& random, std::vector<QaPair>& questions) {
  const std::vector<KindCount> present = count_kinds(scene);
  const bool asks_present = scene.absent_kinds.empty() || (!present.empty() && random.random() < 0.5);
  if (asks_present && present.empty()) return;
  const std::string kind =
      asks_present ? present[static_cast<size_t>(random.randint(0, static_cast<int64_t>(present.size())))].kind
                   : scene.absent_kinds.front();
  questions.push_back({fmt::format("Is there {} in the picture?", with_article(kind)), answer_yes_no(asks_present)});
}

void add_background(const Scene& scene, std::vector<QaPair>& questions) {
  questions.push_back({"What pattern does the background have?", scene.pattern});
  if (scene.second_color.empty()) questions.push_back({"What color is the background?", scene.color});
}

void add_sizes(const Scene& scene, std::vector<QaPair>& questions) {
  if (scene.objects.size() < 2) return;
  std::vector<const SceneObject*> by_size = from_left_to_right(scene);
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const SceneObject* a, const SceneObject* b) { return a->num_pixels > b->num_pixels; });
  const auto area = [&](size_t i) { return static_cast<double>(by_size[i]->num_pixels); };
  if (area(0) >= kClearlyBigger * area(1)) questions.push_back({"What is the biggest object?", by_size[0]->kind});
  const size_t last = by_size.size() - 1;
  if (area(last - 1) >= kClearlyBigger * area(last))
    questions.push_back({"What is the smallest object?", by_size[last]->kind});
}

void add_sides(const Scene& scene, std::vector<QaPair>& questions) {
  const std::vector<const SceneObject*> row = from_left_to_right(scene);
  if (row.size() < 2) return;
  const double margin = kClearlyApart * scene.picture.width;
  const auto gap = [&](size_t i) { return middle_x(*row[i + 1]) - middle_x(*row[i]); };  // between i and i + 1
  const size_t last = row.size() - 1;
  if (gap(0) >= margin) questions.push_back({"What is the leftmost object?", row[0]->kind});
  if (gap(last - 1) >= margin) questions.push_back({"What is the rightmost object?", row[last]->kind});
  // Next to a thing that is the only one of its kind there is exactly one other on that side.
  const auto is_single = [&](size_t i) { return count_of(scene, row[i]->kind) == 1; };
  const bool right_is_clear = row.size() == 2 || gap(1) >= margin;
  if (gap(0) >= margin && right_is_clear && is_single(1)) {
    questions.push_back({fmt::format("What is to the left of the {}?", row[1]->kind), row[0]->kind});
  }
  const bool left_is_clear = row.size() == 2 || gap(last - 2) >= margin;
  if (gap(last - 1) >= margin && left_is_clear && is_single(last - 1)) {
    questions.push_back({fmt::format("What is to the right of the {}?", row[last - 1]->kind), row[last]->kind});
  }
}

void add_colors(const Scene& scene, std::vector<QaPair>& questions) {
  for (const SceneObject& object : scene.objects) {
    if (object.color.empty() || count_of(scene, object.kind) != 1) continue;
    questions.push_back({fmt::format("What color is the {}?", object.kind), object.color});
  }
}

}  // namespace

std::vector<QaPair> draw_questions(const Scene& scene, RandomState& random) {
  std::vector<QaPair> questions;
  add_presence(scene, random, questions);
  add_background(scene, questions);
  if (scene.time.empty()) {
    add_sizes(scene, questions);
    add_sides(scene, questions);
    add_colors(scene, questions);
    questions.push_back({"How many objects are there?", std::to_string(scene.objects.size())});
  }
  random.shuffle(questions);
  questions.resize(std::min(questions.size(), kMostQuestions));
  if (!scene.time.empty()) questions.insert(questions.begin(), {"What time is shown?", scene.time, "clock"});
  return questions;
}

std::optional<Choice> draw_choice(const Scene& scene, RandomState& random) {
  const std::vector<KindCount> present = count_kinds(scene);
  if (present.empty() || scene.absent_kinds.empty()) return std::nullopt;
  const std::string right = present[static_cast<size_t>(random.randint(0, static_cast<int64_t>(present.size())))].kind;
  Choice choice{.question = "Which of these is in the picture?", .options = scene.absent_kinds};
  if (choice.options.size() > 3) choice.options.resize(3);
  choice.options.push_back(right);
  random.shuffle(choice.options);
  choice.answer =
      static_cast<int>(std::find(choice.options.begin(), choice.options.end(), right) - choice.options.begin());
  return choice;
}

}  // namespace molmo::synth
