// SPDX-License-Identifier: Apache-2.0
#include "synth/caption.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "synth/wording.h"

namespace molmo::synth {
namespace {

std::string place_of(const Scene& scene, const SceneObject& object) {
  return place_phrase((object.box[0] + object.box[2]) / 2.0 / scene.picture.width,
                      (object.box[1] + object.box[3]) / 2.0 / scene.picture.height);
}

// "striped blue", "striped blue and white"
std::string background_words(const Scene& scene) {
  const std::string colors = scene.second_color.empty() ? scene.color : scene.color + " and " + scene.second_color;
  return scene.pattern + " " + colors;
}

std::string object_list(const Scene& scene, bool with_digits) {
  std::vector<std::string> items;
  for (const KindCount& entry : count_kinds(scene)) items.push_back(counted(entry.count, entry.kind, with_digits));
  return listed(items);
}

// "a dog at the top left, an apple in the center and a dog on the right"
std::string places_in_order(const Scene& scene, const std::vector<const SceneObject*>& objects) {
  std::vector<std::string> items;
  for (const SceneObject* object : objects)
    items.push_back(with_article(object->kind) + " " + place_of(scene, *object));
  return listed(items);
}

// "The two dogs are at the top left and on the right."
std::string places_of_kind(const Scene& scene, const KindCount& entry) {
  std::vector<std::string> places;
  for (const SceneObject* object : from_left_to_right(scene)) {
    if (object->kind != entry.kind) continue;
    const std::string place = place_of(scene, *object);
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  if (entry.count == 1) return fmt::format("The {} is {}.", entry.kind, listed(places));
  return fmt::format("The {} are {}.", counted(entry.count, entry.kind, false), listed(places));
}

std::string clock_caption(const Scene& scene) {
  return fmt::format("A clock that shows {} on {} background.", scene.time, with_article(background_words(scene)));
}

const std::string& pick(const std::vector<std::string>& options, RandomState& random) {
  return options[static_cast<size_t>(random.randint(0, static_cast<int64_t>(options.size())))];
}

// "A red apple. A frog, twice. " in the words that came with the stamps.
std::string in_own_words(const Scene& scene) {
  std::vector<std::string> order;
  std::map<std::string, int64_t> counts;
  for (const SceneObject* object : from_left_to_right(scene)) {
    if (counts[object->caption]++ == 0) order.push_back(object->caption);
  }
  std::string text;
  for (const std::string& caption : order) {
    const int64_t count = counts[caption];
    text += caption;
    if (count > 1) text += count == 2 ? " I see that twice." : fmt::format(" I see that {} times.", number_word(count));
    text += ' ';
  }
  return text;
}

}  // namespace

std::vector<KindCount> count_kinds(const Scene& scene) {
  std::vector<KindCount> counts;
  for (const SceneObject* object : from_left_to_right(scene)) {
    const auto entry =
        std::find_if(counts.begin(), counts.end(), [&](const KindCount& c) { return c.kind == object->kind; });
    if (entry == counts.end())
      counts.push_back({object->kind, 1});
    else
      ++entry->count;
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const KindCount& a, const KindCount& b) { return a.count > b.count; });
  return counts;
}

int64_t count_of(const Scene& scene, const std::string& kind) {
  return std::count_if(scene.objects.begin(), scene.objects.end(),
                       [&](const SceneObject& object) { return object.kind == kind; });
}

std::vector<const SceneObject*> from_left_to_right(const Scene& scene) {
  std::vector<const SceneObject*> order;
  for (const SceneObject& object : scene.objects) order.push_back(&object);
  std::stable_sort(order.begin(), order.end(), [](const SceneObject* a, const SceneObject* b) {
    return a->box[0] + a->box[2] < b->box[0] + b->box[2];
  });
  return order;
}

std::string regular_caption(const Scene& scene) {
  if (!scene.time.empty()) return clock_caption(scene);
  const std::string background = with_article(background_words(scene));
  if (scene.objects.empty()) return capitalized(background) + " background.";
  const std::string objects = fmt::format("{} on {} background.", object_list(scene, true), background);
  if (scene.objects.size() == 1) return fmt::format("{} It is {}.", objects, place_of(scene, scene.objects.front()));
  return fmt::format("{} From left to right: {}.", objects, places_in_order(scene, from_left_to_right(scene)));
}

std::string varied_caption(const Scene& scene, RandomState& random) {
  const std::string background = background_words(scene);
  if (!scene.time.empty()) {
    return fmt::format("{} an analog clock {}. Its hands show {}. The background is {}.",
                       pick({"The picture shows", "There is", "We see", "This is a picture of"}, random),
                       place_of(scene, scene.objects.front()), scene.time, background);
  }
  if (scene.objects.empty()) {
    return fmt::format("{} {} background without any objects.",
                       pick({"The picture shows", "There is only", "We see"}, random), with_article(background));
  }
  const std::string opening =
      pick({"A photo with", "A picture of", "The picture shows", "This image contains", "A collage with"}, random);
  std::string text =
      fmt::format("{} {} on {} background.", opening, object_list(scene, false), with_article(background));
  if (random.random() < 0.5) {
    for (const KindCount& entry : count_kinds(scene)) text += fmt::format(" {}", places_of_kind(scene, entry));
  } else {
    text += fmt::format(" {} {}.",
                        pick({"From left to right, there is", "Going from left to right, we see",
                              "On the way from the left to the right there is"},
                             random),
                        places_in_order(scene, from_left_to_right(scene)));
  }
  return text;
}

std::string pointing_transcript(const Scene& scene) {
  if (scene.objects.empty()) return "There is nothing here.";
  std::vector<std::string> items;
  for (const SceneObject* object : from_left_to_right(scene)) {
    items.push_back(fmt::format("{0} <point x=\"{1}.0\" y=\"{2}.0\" alt=\"{0}\">{0}</point>", object->kind,
                                percent_of(object->point[0], scene.picture.width),
                                percent_of(object->point[1], scene.picture.height)));
  }
  return join_text(items, ", ");
}

std::vector<std::string> transcripts(const Scene& scene, RandomState& random) {
  const std::string background = fmt::format("The background is {}.", background_words(scene));
  if (!scene.time.empty()) {
    return {fmt::format("I see a clock and it says {}. {}", scene.time, background),
            fmt::format("{} A clock face, {}. The time is {}.", background, place_of(scene, scene.objects.front()),
                        scene.time)};
  }
  if (scene.objects.empty())
    return {"There is nothing here. " + background,
            fmt::format("This picture is empty, just {}.", background_words(scene))};
  std::vector<const SceneObject*> downwards;  // the scene's own order
  for (const SceneObject& object : scene.objects) downwards.push_back(&object);
  return {
      in_own_words(scene) + background,
      fmt::format("{} {}. {}",
                  pick({"I can see", "Okay, so there are things here,", "In this picture I see", "We have"}, random),
                  object_list(scene, false), background),
      fmt::format("{} From top to bottom there is {}.", background, places_in_order(scene, downwards)),
  };
}

}  // namespace molmo::synth
