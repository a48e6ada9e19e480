// SPDX-License-Identifier: Apache-2.0
#include "synth/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "image/encode.h"
#include "molmo/error.h"
#include "synth/annotate.h"
#include "synth/scene.h"
#include "synth/sprite_library.h"

namespace molmo::synth {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "molmo-synth-2";  // a new number where the same options give other bytes
constexpr int64_t kMaxPictures = 10'000'000;
constexpr int kJpegQuality = 90;
constexpr int kMaxPngSide = 320;    // PNGs of larger pictures would be slow and big
constexpr double kPngShare = 0.25;  // of the small ones
enum Purpose : uint32_t { kAnnotationDraws = 101, kEncodingDraws };

// OpenCV's own threads would fight with ours.
class SingleThreadedOpenCv {
 public:
  SingleThreadedOpenCv() : num_threads_(cv::getNumThreads()) { cv::setNumThreads(1); }
  ~SingleThreadedOpenCv() { cv::setNumThreads(num_threads_); }
  SingleThreadedOpenCv(const SingleThreadedOpenCv&) = delete;
  SingleThreadedOpenCv& operator=(const SingleThreadedOpenCv&) = delete;

 private:
  int num_threads_;
};

// The options with the level's numbers filled in.
SynthOptions resolve(SynthOptions options) {
  const int num_levels = static_cast<int>(std::size(kLevels));
  if (options.level < 0 || options.level >= num_levels) {
    throw Error(fmt::format("[synth] level: got {}, expected 0 to {}", options.level, num_levels - 1));
  }
  if (options.out.empty()) throw Error("[synth] out: got no folder");
  const Level& level = kLevels[options.level];
  if (options.max_objects == -1) options.max_objects = level.max_objects;
  if (options.max_objects < 1 || options.max_objects > level.max_objects) {
    throw Error(fmt::format("[synth] things in a picture: got {}, expected 1 to {} of level {}", options.max_objects,
                            level.max_objects, options.level));
  }
  if (options.num_train == -1) options.num_train = level.num_train;
  if (options.num_test == -1) options.num_test = level.num_test;
  for (const int64_t count : {options.num_train, options.num_test}) {
    if (count < 0 || count > kMaxPictures)
      throw Error(fmt::format("[synth] number of pictures: got {}, expected 0 to {}", count, kMaxPictures));
  }
  if (options.num_train + options.num_test == 0) throw Error("[synth] number of pictures: got 0, expected at least 1");
  if (options.num_threads <= 0) options.num_threads = static_cast<int>(num_available_threads());
  return options;
}

int64_t num_unseen(const SynthOptions& options) { return (options.num_test + 3) / 4; }

Json describe(const SynthOptions& options) {
  return {{"seed", options.seed},
          {"level", options.level},
          {"max_objects", options.max_objects},
          {"num_train", options.num_train},
          {"num_test", options.num_test},
          {"has_stamps_folder", fs::is_directory(options.stamps)}};
}

// What synth.json says: nothing if there is no such file. Error if the folder is not ours or holds another set.
Json read_state(const SynthOptions& options) {
  const fs::path file = options.out / "synth.json";
  if (fs::exists(options.out) && !fs::is_directory(options.out)) {
    throw Error(fmt::format("[synth] {}: is a file, expected a folder or a free name", options.out.string()));
  }
  if (!fs::exists(options.out) || fs::is_empty(options.out)) return nullptr;
  Json state;
  if (fs::is_regular_file(file)) state = read_json(file);
  if (!state.is_object() || !state.contains("format") || state["format"] != kFormat || !state.contains("options")) {
    throw Error(
        fmt::format("[synth] {}: the folder is not empty and holds no synthesized set (synth.json of format {}), "
                    "expected a new or an empty folder",
                    options.out.string(), kFormat));
  }
  if (state["options"] != describe(options)) {
    throw Error(fmt::format(
        "[synth] {}: holds a set made with other options, got {}, expected {}; remove the folder or choose another",
        options.out.string(), state["options"].dump(), describe(options).dump()));
  }
  return state;
}

bool is_complete(const Json& state, const SynthOptions& options) {
  return state.is_object() && state.value("complete", false) && fs::is_regular_file(options.out / "data.jsonl");
}

struct Counts {
  int64_t num_points = 0, num_counts = 0, num_questions = 0;
};

class SetWriter {
 public:
  SetWriter(const SynthOptions& options, const SpriteLibrary& library) : options_(options), library_(library) {}

  /// Composes, annotates, encodes and writes one picture; returns its line of data.jsonl and adds to `counts`.
  std::string write(const PictureId& id, Counts& counts) const {
    Level level = kLevels[options_.level];
    level.max_objects = options_.max_objects;
    const Scene scene =
        compose_scene(level, id.split == Split::kTestUnseen ? library_.unseen_kinds : library_.kinds, id);
    const bool is_small = std::max(scene.picture.width, scene.picture.height) <= kMaxPngSide;
    const bool is_png = is_small && make_random(id, kEncodingDraws).random() < kPngShare;
    const std::string name = fmt::format("img/{}/{:06}.{}", split_name(id.split), id.index, is_png ? "png" : "jpg");
    write_file(options_.out / name,
               is_png ? image::encode_png(scene.picture) : image::encode_jpeg(scene.picture, kJpegQuality));

    RandomState random = make_random(id, kAnnotationDraws);
    const Json record = annotate_scene(scene, name, id.split, level.is_rich, random);
    counts.num_points = static_cast<int64_t>(record["points"].size());
    counts.num_counts = record.contains("counts") ? static_cast<int64_t>(record["counts"].size()) : 0;
    counts.num_questions =
        static_cast<int64_t>(record["qa"].size() + (record.contains("choices") ? record["choices"].size() : 0));
    return format_json_line(record);
  }

 private:
  const SynthOptions& options_;
  const SpriteLibrary& library_;
};

std::vector<PictureId> list_pictures(const SynthOptions& options) {
  std::vector<PictureId> ids;
  const std::pair<Split, int64_t> splits[] = {
      {Split::kTrain, options.num_train}, {Split::kTest, options.num_test}, {Split::kTestUnseen, num_unseen(options)}};
  for (const auto& [split, count] : splits) {
    for (int64_t index = 0; index < count; ++index)
      ids.push_back({.seed = options.seed, .split = split, .index = index});
  }
  return ids;
}

Json make_state(const SynthOptions& options, const SynthSummary& summary, bool is_done) {
  return {{"format", kFormat},
          {"complete", is_done},
          {"options", describe(options)},
          {"has_stamps", summary.has_stamps},
          {"kinds", summary.kinds},
          {"unseen_kinds", summary.unseen_kinds},
          {"num_points", summary.num_points},
          {"num_counts", summary.num_counts},
          {"num_questions", summary.num_questions}};
}

SynthSummary summarize_options(const SynthOptions& options) {
  return {.num_train = options.num_train, .num_test = options.num_test, .num_test_unseen = num_unseen(options)};
}

SynthSummary summary_of_complete_set(const Json& state, const SynthOptions& options) {
  SynthSummary summary = summarize_options(options);
  summary.was_complete = true;
  try {
    summary.has_stamps = state.at("has_stamps").get<bool>();
    summary.kinds = state.at("kinds").get<std::vector<std::string>>();
    summary.unseen_kinds = state.at("unseen_kinds").get<std::vector<std::string>>();
    summary.num_points = state.at("num_points").get<int64_t>();
    summary.num_counts = state.at("num_counts").get<int64_t>();
    summary.num_questions = state.at("num_questions").get<int64_t>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("[synth] {}: damaged ({}); remove the folder", (options.out / "synth.json").string(),
                            error.what()));
  }
  return summary;
}

void write_pictures(const SynthOptions& options, const SpriteLibrary& library, ThreadPool& pool,
                    SynthSummary& summary) {
  const std::vector<PictureId> ids = list_pictures(options);
  for (const Split split : {Split::kTrain, Split::kTest, Split::kTestUnseen})
    fs::create_directories(options.out / "img" / split_name(split));
  std::vector<std::string> lines(ids.size());
  std::vector<Counts> counts(ids.size());
  const SetWriter writer(options, library);
  pool.parallel_for(ids.size(), [&](size_t i) { lines[i] = writer.write(ids[i], counts[i]); });
  AtomicFile file(options.out / "data.jsonl");
  for (size_t i = 0; i < ids.size(); ++i) {
    file.write(lines[i] + "\n");
    summary.num_points += counts[i].num_points;
    summary.num_counts += counts[i].num_counts;
    summary.num_questions += counts[i].num_questions;
  }
  file.commit();
}

// Whoever else makes a set in the folder is waited for: it may be this one.
std::unique_ptr<FileLock> lock_folder(const fs::path& folder) {
  if (auto lock = FileLock::try_take(folder)) return lock;
  log_info(fmt::format("[synth] {}: another process is writing there, waiting for its end", folder.string()));
  return std::make_unique<FileLock>(folder);
}

SynthSummary make_set(const SynthOptions& options) {
  read_state(options);  // refuses what is no folder of ours before anything is made
  fs::create_directories(options.out);
  const std::unique_ptr<FileLock> lock = lock_folder(options.out);
  const Json state = read_state(options);
  if (is_complete(state, options)) return summary_of_complete_set(state, options);

  const SingleThreadedOpenCv guard;
  ThreadPool pool(static_cast<size_t>(options.num_threads - 1));  // the caller works too
  const SpriteLibrary library = load_sprite_library(options.stamps, kLevels[options.level], pool);
  SynthSummary summary = summarize_options(options);
  summary.has_stamps = library.has_stamps;
  for (const Kind& kind : library.kinds) summary.kinds.push_back(kind.name);
  for (const Kind& kind : library.unseen_kinds) summary.unseen_kinds.push_back(kind.name);

  write_json(options.out / "synth.json", make_state(options, summary, false));
  write_pictures(options, library, pool, summary);
  write_json(options.out / "synth.json", make_state(options, summary, true));
  return summary;
}

}  // namespace

SynthSummary synthesize(const SynthOptions& options) {
  try {
    return make_set(resolve(options));
  } catch (const fs::filesystem_error& error) {
    throw Error(fmt::format("[synth] {}", error.what()));
  }
}

}  // namespace molmo::synth
