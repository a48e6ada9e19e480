// SPDX-License-Identifier: Apache-2.0
#include "synth/scene.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "synth/annotate.h"
#include "synth/caption.h"
#include "synth/shapes.h"
#include "synth/wording.h"

namespace molmo::synth {
namespace {

const std::vector<Kind>& shape_kinds() {
  static const std::vector<Kind> kinds = draw_shape_kinds();
  return kinds;
}

Scene make_scene(int level, int64_t index, Split split = Split::kTrain, uint32_t seed = 5) {
  return compose_scene(kLevels[level], shape_kinds(), {.seed = seed, .split = split, .index = index});
}

Json annotate(const Scene& scene, bool is_rich, uint32_t seed) {
  RandomState random(seed);
  return annotate_scene(scene, "img/1.jpg", Split::kTrain, is_rich, random);
}

TEST(Scene, DependsOnSeedSplitAndIndex) {
  const Scene scene = make_scene(1, 3);
  EXPECT_EQ(scene.picture, make_scene(1, 3).picture);
  EXPECT_NE(scene.picture, make_scene(1, 4).picture);
  EXPECT_NE(scene.picture, make_scene(1, 3, Split::kTest).picture);
  EXPECT_NE(scene.picture, make_scene(1, 2, Split::kTrain, 6).picture) << "neighbouring seeds share pictures";
}

TEST(Scene, ObjectsLieInsideAndHaveTheirPoint) {
  for (int level = 0; level < 3; ++level) {
    for (int64_t index = 0; index < 24; ++index) {
      const Scene scene = make_scene(level, index);
      const int shorter = std::min(scene.picture.width, scene.picture.height);
      EXPECT_GE(shorter, kLevels[level].min_side);
      EXPECT_LE(std::max(scene.picture.width, scene.picture.height), kLevels[level].max_side);
      EXPECT_LE(static_cast<int>(scene.objects.size()), kLevels[level].max_objects);
      for (const SceneObject& object : scene.objects) {
        const auto& [x0, y0, x1, y1] = object.box;
        EXPECT_TRUE(x0 >= 0 && y0 >= 0 && x1 <= scene.picture.width && y1 <= scene.picture.height);
        EXPECT_TRUE(x0 <= object.point[0] && object.point[0] < x1 && y0 <= object.point[1] && object.point[1] < y1);
        if (object.kind == "clock") continue;
        const int side = std::max(x1 - x0, y1 - y0);
        EXPECT_LE(side, kLevels[level].max_object * shorter + 4) << level << " " << index << " " << object.kind;
        EXPECT_GE(side, 0.5 * kLevels[level].min_object * shorter) << level << " " << index << " " << object.kind;
      }
    }
  }
}

TEST(Scene, CountsAndKindsSpreadEvenly) {
  std::map<int64_t, int> counts;
  std::map<std::string, int> kinds;
  int num_clocks = 0;
  for (int64_t index = 0; index < 96; ++index) {  // 84 scenes with a count: 12 of each answer, 7 of each kind
    const Scene scene = make_scene(1, index);
    num_clocks += !scene.time.empty();
    if (!scene.time.empty()) continue;
    ++counts[count_of(scene, scene.main_kind)];
    ++kinds[scene.main_kind];
    EXPECT_TRUE(!scene.objects.empty() && scene.objects.size() <= 6);
  }
  EXPECT_EQ(num_clocks, 12);
  ASSERT_EQ(counts.size(), 7u);
  for (const auto& [count, number] : counts) EXPECT_EQ(number, 12) << count;
  ASSERT_EQ(kinds.size(), 12u);
  for (const auto& [kind, number] : kinds) EXPECT_EQ(number, 7) << kind;
}

TEST(Scene, HeldOutPicturesAppearInTestOnly) {
  const auto num_held_out = [](Split split) {
    int num = 0;
    for (int64_t index = 0; index < 60; ++index) {
      for (const SceneObject& object : make_scene(1, index, split).objects) {
        for (const Kind& kind : shape_kinds()) {
          num += kind.name == object.kind && kind.sprites[static_cast<size_t>(kind.held_out)].color == object.color;
        }
      }
    }
    return num;
  };
  EXPECT_EQ(num_held_out(Split::kTrain), 0);
  EXPECT_GT(num_held_out(Split::kTest), 10);
}

TEST(Scene, AmbiguousKindsAreNotShownTogether) {
  std::vector<Kind> kinds(shape_kinds().begin(), shape_kinds().begin() + 4);
  kinds[0].name = kinds[0].family = "bird";
  kinds[1].name = "penguin";
  kinds[2].name = "owl";
  kinds[1].family = kinds[2].family = "bird";
  EXPECT_TRUE(kinds[0].overlaps(kinds[1]) && kinds[1].overlaps(kinds[0]));
  EXPECT_FALSE(kinds[1].overlaps(kinds[2]));
  for (int64_t index = 0; index < 60; ++index) {
    const Scene scene = compose_scene(kLevels[2], kinds, {.index = index});
    std::set<std::string> named(scene.absent_kinds.begin(), scene.absent_kinds.end());
    for (const SceneObject& object : scene.objects) named.insert(object.kind);
    const bool has_bird = scene.main_kind == "bird" || count_of(scene, "bird") > 0;
    EXPECT_FALSE(has_bird && (named.contains("penguin") || named.contains("owl"))) << index;
  }
}

TEST(Annotate, EntriesAgreeWithTheObjects) {
  int num_negatives = 0, num_clocks = 0;
  for (int64_t index = 0; index < 80; ++index) {
    const bool is_rich = index % 2;
    const Scene scene = make_scene(is_rich ? 2 : 1, index);
    const Json record = annotate(scene, is_rich, static_cast<uint32_t>(index));
    std::map<std::string, size_t> num_of_label;  // both forms of a kind
    for (const SceneObject& object : scene.objects) {
      ++num_of_label[object.kind];
      ++num_of_label[plural(object.kind)];
    }
    std::map<std::string, size_t> num_points;
    for (const Json& entry : record["points"]) {
      EXPECT_EQ(entry["points"].size(), num_of_label[entry["label"]]) << record.dump();
      EXPECT_EQ(entry["boxes"].size(), entry["points"].size());
      EXPECT_TRUE(num_points.emplace(entry["label"], entry["points"].size()).second) << "a label twice";
      num_negatives += entry["points"].empty();
    }
    for (const Json& entry : record.value("counts", Json::array()))
      EXPECT_EQ(entry["count"], num_points.at(entry["label"]));
    EXPECT_EQ(record["objects"].size(), scene.objects.size());
    for (const Json& qa : record["qa"]) num_clocks += qa["style"] == "clock" && qa["a"] == scene.time;
    for (const Json& choice : record.value("choices", Json::array())) {
      const std::string right = choice["options"][choice["answer"].get<size_t>()];
      for (const Json& option : choice["options"])
        EXPECT_EQ(num_of_label.contains(option) && num_of_label[option] > 0, option == right);
    }
  }
  EXPECT_GT(num_negatives, 20);
  EXPECT_EQ(num_clocks, 10);
}

TEST(Annotate, RegularCaptionListsObjectsFromLeftToRight) {
  Scene scene{.picture = image::Picture(300, 300), .pattern = "striped", .color = "blue"};
  scene.objects = {{.kind = "dog", .caption = "A dingo.", .box = {200, 10, 280, 90}, .point = {240, 50}},
                   {.kind = "apple", .caption = "A red apple.", .box = {120, 120, 180, 180}, .point = {150, 150}},
                   {.kind = "dog", .caption = "A dog.", .box = {10, 200, 60, 290}, .point = {30, 240}}};
  EXPECT_EQ(
      regular_caption(scene),
      "2 dogs and 1 apple on a striped blue background. From left to right: a dog at the bottom left, an apple in the "
      "center and a dog at the top right.");
  RandomState random(1);
  EXPECT_EQ(transcripts(scene, random).front(), "A dog. A red apple. A dingo. The background is striped blue.");
}

// What some draws of questions hold together.
std::map<std::string, std::string> answers_to(const Scene& scene) {
  std::map<std::string, std::string> answers;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    const Json record = annotate(scene, false, seed);
    EXPECT_LE(record["qa"].size(), 3u);
    for (const Json& qa : record["qa"]) answers[qa["q"]] = qa["a"];
  }
  return answers;
}

TEST(Annotate, SpatialQuestionsHaveOneAnswer) {
  Scene scene{.picture = image::Picture(300, 300), .pattern = "plain", .color = "red"};
  scene.objects = {{.kind = "dog", .box = {10, 10, 60, 60}, .num_pixels = 900},
                   {.kind = "cat", .box = {200, 10, 260, 60}, .num_pixels = 2000}};
  std::map<std::string, std::string> answers = answers_to(scene);
  EXPECT_EQ(answers.at("What is to the left of the cat?"), "dog");
  EXPECT_EQ(answers.at("What is to the right of the dog?"), "cat");
  EXPECT_EQ(answers.at("What is the biggest object?"), "cat");
  EXPECT_EQ(answers.at("How many objects are there?"), "2");
  scene.objects[0].box = {205, 100, 255, 150};  // now one above the other, and almost as big
  scene.objects[0].num_pixels = 1900;
  answers = answers_to(scene);
  EXPECT_FALSE(answers.contains("What is to the left of the cat?"));
  EXPECT_FALSE(answers.contains("What is the biggest object?"));
}

}  // namespace
}  // namespace molmo::synth
