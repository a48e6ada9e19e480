// SPDX-License-Identifier: Apache-2.0
#include "synth/scene.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/check.h"
#include "synth/background.h"
#include "synth/canvas.h"
#include "synth/clock.h"

namespace molmo::synth {
namespace {

constexpr int64_t kClockPeriod = 8;
constexpr size_t kMaxAbsentKinds = 3, kMaxOtherKinds = 5;
constexpr double kHeldOutShare = 0.4;  // of the test split's sprites, where a kind has one held out
constexpr double kMaxEnlargement = 4;  // of a sprite's own pixels
constexpr double kMaxCrowding = 0.8;   // side of an object times the root of their number, of the shorter side
constexpr int kTriesPerSize = 24, kMaxSizes = 16, kMaxRepicks = 20;

enum Purpose : uint32_t { kSceneDraws = 1, kClockSlot, kMainKind, kMainCount };

uint64_t mix_bits(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// Element `index` of an endless row in which every block of n holds 0..n-1 once, in random order.
int64_t balanced_draw(const PictureId& id, uint32_t purpose, int64_t index, int64_t n) {
  RandomState random = make_random({.seed = id.seed, .split = id.split, .index = index / n}, purpose);
  return random.permutation(static_cast<size_t>(n))[static_cast<size_t>(index % n)];
}

struct Plan {
  bool is_clock = false;
  int64_t ordinal = 0;  // among the pictures without a clock
};

// Clocks are known from training: the unseen kinds stay among themselves.
Plan make_plan(const PictureId& id) {
  if (id.split == Split::kTestUnseen) return {.is_clock = false, .ordinal = id.index};
  const int64_t block = id.index / kClockPeriod;
  const int64_t slot = balanced_draw(id, kClockSlot, block * kClockPeriod, kClockPeriod);
  const int64_t place = id.index % kClockPeriod;
  return {.is_clock = place == slot, .ordinal = id.index - block - (place > slot ? 1 : 0)};
}

const Sprite& pick_sprite(const Kind& kind, Split split, RandomState& random) {
  const int64_t count = static_cast<int64_t>(kind.sprites.size());
  if (kind.held_out < 0 || split == Split::kTestUnseen)
    return kind.sprites[static_cast<size_t>(random.randint(0, count))];
  if (split == Split::kTest && random.random() < kHeldOutShare) return kind.sprites[static_cast<size_t>(kind.held_out)];
  const int64_t index = random.randint(0, count - 1);
  return kind.sprites[static_cast<size_t>(index < kind.held_out ? index : index + 1)];
}

// Another draw where the sprite's one colour is also the background's.
const Sprite& pick_distinct_sprite(const Kind& kind, Split split, const Scene& scene, RandomState& random) {
  const Sprite* sprite = &pick_sprite(kind, split, random);
  const auto blends_in = [&] {
    return !sprite->color.empty() && (sprite->color == scene.color || sprite->color == scene.second_color);
  };
  for (int i = 0; i < kMaxRepicks && blends_in(); ++i) sprite = &pick_sprite(kind, split, random);
  return *sprite;
}

// Sides from the level's range, small ones more often; at most twice as long as wide.
std::pair<int, int> draw_size(const Level& level, RandomState& random) {
  const double ratio = static_cast<double>(level.max_side) / level.min_side;
  const double longer = level.min_side * std::pow(ratio, std::pow(random.random(), 1.6));
  const double shorter = std::max(static_cast<double>(level.min_side), longer * random.uniform(level.min_aspect, 1.0));
  const int a = static_cast<int>(longer), b = static_cast<int>(shorter);
  return random.random() < 0.7 ? std::pair(a, b) : std::pair(b, a);
}

Pose draw_pose(const Sprite& sprite, double longer_side, RandomState& random) {
  Pose pose{.longer_side = longer_side};
  pose.is_flipped = sprite.may_flip && random.random() < 0.5;
  if (sprite.may_turn) pose.angle = random.uniform(-15, 15);
  pose.contrast = random.uniform(0.85, 1.15);
  const double brightness = random.uniform(0.85, 1.12);
  for (double& gain : pose.gains) gain = brightness * random.uniform(0.94, 1.06);
  return pose;
}

struct Range {
  double low, high;
};

// Long and thin sprites may be longer, so that a guitar has about as many pixels as a coin.
Range widen_for_shape(const Sprite& sprite, Range sides, double limit) {
  const double longer = std::max(sprite.width(), sprite.height()), shorter = std::min(sprite.width(), sprite.height());
  const double factor = std::min(1.6, std::sqrt(longer / shorter));
  const double high = std::min(limit, sides.high * factor);
  return {std::min(high, sides.low * factor), high};
}

// Lays a sprite somewhere; smaller if there is no room. False if even the smallest does not fit.
bool place_sprite(const Sprite& sprite, Range sides, double min_visible, Canvas& canvas, RandomState& random) {
  const double own_side = std::max(sprite.width(), sprite.height());
  const double high = std::min(sides.high, std::max(sides.low, own_side * kMaxEnlargement));
  double side = random.uniform(sides.low, high);
  for (int i = 0; i < kMaxSizes; ++i, side = std::max(sides.low, side * 0.85)) {
    const RgbaPicture cutout = render_sprite(sprite, draw_pose(sprite, side, random));
    if (cutout.width == 0 || cutout.width > canvas.width() || cutout.height > canvas.height()) continue;
    for (int j = 0; j < kTriesPerSize; ++j) {
      const int x = static_cast<int>(random.randint(0, canvas.width() - cutout.width + 1));
      const int y = static_cast<int>(random.randint(0, canvas.height() - cutout.height + 1));
      if (canvas.try_place(cutout, x, y, min_visible)) return true;
    }
  }
  return false;
}

// Kinds that share no name with each other or with what is in `taken`, in random order.
std::vector<const Kind*> draw_distinct_kinds(const std::vector<Kind>& kinds, std::vector<const Kind*> taken,
                                             size_t count, RandomState& random) {
  std::vector<const Kind*> drawn;
  for (const int64_t index : random.permutation(kinds.size())) {
    const Kind& kind = kinds[static_cast<size_t>(index)];
    const auto overlaps = [&](const Kind* other) { return kind.overlaps(*other); };
    if (drawn.size() == count || std::any_of(taken.begin(), taken.end(), overlaps)) continue;
    drawn.push_back(&kind);
    taken.push_back(&kind);
  }
  return drawn;
}

// The kind of every object: `count` of the main kind and some of a few others, in random order.
std::vector<const Kind*> draw_object_kinds(const Level& level, const std::vector<Kind>& kinds, const Kind& main,
                                           int64_t count, RandomState& random) {
  std::vector<const Kind*> wanted(static_cast<size_t>(count), &main);
  const int64_t least = count == 0 && !level.is_rich ? 1 : 0;
  const int64_t most = std::min<int64_t>(level.max_others, level.max_objects - count);
  const int64_t num_others = random.randint(least, std::max(least, most) + 1);
  const size_t num_kinds = static_cast<size_t>(random.randint(1, kMaxOtherKinds + 1));
  const std::vector<const Kind*> others = draw_distinct_kinds(kinds, {&main}, num_kinds, random);
  for (int64_t i = 0; i < num_others && !others.empty(); ++i) {
    wanted.push_back(others[static_cast<size_t>(random.randint(0, static_cast<int64_t>(others.size())))]);
  }
  random.shuffle(wanted);
  return wanted;
}

void start_scene(const Level& level, Scene& scene, RandomState& random) {
  const auto [width, height] = draw_size(level, random);
  Background background = draw_background(width, height, level.is_rich, random);
  scene.picture = std::move(background.picture);
  scene.pattern = background.pattern;
  scene.color = background.color;
  scene.second_color = background.second_color;
}

// Takes over picture and places; objects come in reading order.
void finish_scene(const Canvas& canvas, Scene& scene) {
  for (size_t i = 0; i < scene.objects.size(); ++i) {
    const VisibleRegion region = canvas.find_visible_region(i);
    SceneObject& object = scene.objects[i];
    object.box = region.box;
    object.point = region.point;
    object.num_pixels = region.num_pixels;
  }
  std::sort(scene.objects.begin(), scene.objects.end(), [](const SceneObject& a, const SceneObject& b) {
    return std::tie(a.point[1], a.point[0]) < std::tie(b.point[1], b.point[0]);
  });
  scene.picture = canvas.picture();
}

Scene compose_clock(const Level& level, const std::vector<Kind>& kinds, RandomState& random) {
  Scene scene;
  start_scene(level, scene, random);
  Canvas canvas(std::move(scene.picture));
  const DialTime time = draw_dial_time(level.minute_step, random);
  scene.time = time.text();
  const double shorter = std::min(canvas.width(), canvas.height());
  const Sprite clock = draw_clock(time, random);
  MOLMO_CHECK(place_sprite(clock, {0.45 * shorter, 0.9 * shorter}, 1, canvas, random));
  scene.objects.push_back({.kind = "clock", .caption = clock.caption});
  for (const Kind* kind : draw_distinct_kinds(kinds, {}, kMaxAbsentKinds, random))
    scene.absent_kinds.push_back(kind->name);
  finish_scene(canvas, scene);
  return scene;
}

Scene compose_objects(const Level& level, const std::vector<Kind>& kinds, const PictureId& id, int64_t ordinal,
                      RandomState& random) {
  const int64_t num_kinds = static_cast<int64_t>(kinds.size());
  const Kind& main = kinds[static_cast<size_t>(balanced_draw(id, kMainKind, ordinal, num_kinds))];
  const int64_t count = balanced_draw(id, kMainCount, ordinal, level.max_objects + 1);
  Scene scene{.main_kind = main.name};
  start_scene(level, scene, random);
  Canvas canvas(std::move(scene.picture));
  std::vector<const Kind*> present = draw_object_kinds(level, kinds, main, count, random);
  const double shorter = std::min(canvas.width(), canvas.height());
  const double crowded = kMaxCrowding / std::sqrt(std::max(1.0, static_cast<double>(present.size())));
  const Range sides{level.min_object * shorter,
                    std::max(level.min_object, std::min(level.max_object, crowded)) * shorter};
  for (const Kind* kind : present) {
    const Sprite& sprite = pick_distinct_sprite(*kind, id.split, scene, random);
    const Range own_sides = widen_for_shape(sprite, sides, level.max_object * shorter);
    if (!place_sprite(sprite, own_sides, level.min_visible, canvas, random)) continue;
    scene.objects.push_back({.kind = kind->name, .caption = sprite.caption, .color = sprite.color});
  }
  if (count == 0) scene.absent_kinds.push_back(main.name);
  present.push_back(&main);
  for (const Kind* kind : draw_distinct_kinds(kinds, present, kMaxAbsentKinds, random))
    scene.absent_kinds.push_back(kind->name);
  finish_scene(canvas, scene);
  return scene;
}

}  // namespace

std::string split_name(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kTest:
      return "test";
    case Split::kTestUnseen:
      return "test_unseen";
  }
  MOLMO_CHECK(false);
}

RandomState make_random(const PictureId& id, uint32_t purpose) {
  uint64_t bits = mix_bits(id.seed);
  bits = mix_bits(bits ^ (static_cast<uint64_t>(id.split) << 32 | purpose));
  bits = mix_bits(bits ^ static_cast<uint64_t>(id.index));
  return RandomState(static_cast<uint32_t>(bits));
}

Scene compose_scene(const Level& level, const std::vector<Kind>& kinds, const PictureId& id) {
  const Plan plan = make_plan(id);
  RandomState random = make_random(id, kSceneDraws);
  return plan.is_clock ? compose_clock(level, kinds, random) : compose_objects(level, kinds, id, plan.ordinal, random);
}

}  // namespace molmo::synth
