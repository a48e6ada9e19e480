// SPDX-License-Identifier: Apache-2.0
#include "synth/annotate.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "synth/caption.h"
#include "synth/questions.h"
#include "synth/wording.h"

namespace molmo::synth {
namespace {

Json points_entry(const Scene& scene, const std::string& kind, const std::string& label, bool in_percent) {
  Json points = Json::array(), boxes = Json::array();
  for (const SceneObject& object : scene.objects) {
    if (object.kind != kind) continue;
    if (in_percent) {
      points.push_back(
          {percent_of(object.point[0], scene.picture.width), percent_of(object.point[1], scene.picture.height)});
    } else {
      points.push_back(object.point);
    }
    boxes.push_back(object.box);
  }
  Json entry{{"label", label}, {"points", std::move(points)}, {"boxes", std::move(boxes)}};
  if (in_percent) entry["unit"] = "percent";
  return entry;
}

// How many of the training pictures are also asked for a kind that is not there. Its answer is short, and teaches to
// look for the kind that is asked for; in every picture it teaches to answer "none" too readily.
constexpr double kAbsentShare = 0.6;

// The kinds to be pointed at: the one whose count is asked, the others that are there, and `with_absent` one that is
// not.
std::vector<std::string> kinds_to_point_at(const Scene& scene, bool with_absent) {
  std::vector<std::string> kinds;
  if (!scene.main_kind.empty()) kinds.push_back(scene.main_kind);
  for (const KindCount& entry : count_kinds(scene)) {
    if (entry.kind != scene.main_kind) kinds.push_back(entry.kind);
  }
  for (const std::string& kind : scene.absent_kinds) {
    if (!with_absent) break;
    if (kind == scene.main_kind) continue;  // it is among them where none is drawn
    kinds.push_back(kind);
    break;
  }
  return kinds;
}

}  // namespace

Json annotate_scene(const Scene& scene, const std::string& image, Split split, bool is_rich, RandomState& random) {
  Json record{{"image", image}, {"split", split_name(split)}};
  record["caption"] = is_rich ? varied_caption(scene, random) : regular_caption(scene);
  record["transcripts"] = is_rich ? transcripts(scene, random) : std::vector<std::string>{pointing_transcript(scene)};
  record["points"] = Json::array();
  // Plain scenes are taught in whole percents: no digit of the text is then beyond what can be seen. Tests stay exact.
  const bool in_percent = !is_rich && split == Split::kTrain;
  const bool with_absent = split != Split::kTrain || random.random() < kAbsentShare;
  for (const std::string& kind : kinds_to_point_at(scene, with_absent)) {
    const int64_t count = count_of(scene, kind);
    const std::string label = is_rich && count == 1 && random.random() < 0.5 ? kind : plural(kind);
    record["points"].push_back(points_entry(scene, kind, label, in_percent));
    if (kind == scene.main_kind) record["counts"] = Json::array({{{"label", label}, {"count", count}}});
  }
  record["qa"] = Json::array();
  for (const QaPair& question : draw_questions(scene, random)) {
    record["qa"].push_back({{"q", question.text}, {"a", question.answer}, {"style", question.style}});
  }
  if (const std::optional<Choice> choice = draw_choice(scene, random)) {
    record["choices"] =
        Json::array({{{"q", choice->question}, {"options", choice->options}, {"answer", choice->answer}}});
  }
  record["objects"] = Json::array();
  for (const SceneObject& object : scene.objects)
    record["objects"].push_back({{"kind", object.kind}, {"box", object.box}});
  return record;
}

}  // namespace molmo::synth
