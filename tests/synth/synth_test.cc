// SPDX-License-Identifier: Apache-2.0
#include "synth/synth.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <png.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "molmo/error.h"
#include "support/paths.h"
#include "synth/sprite_library.h"

namespace molmo::synth {
namespace {

namespace fs = std::filesystem;

class Synth : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::kError); }  // shapes instead of stamps are meant here
  void TearDown() override { set_log_level(LogLevel::kInfo); }

  SynthOptions options(const std::string& name) const {
    return {.out = folder_ / name,
            .seed = 7,
            .level = 0,
            .num_train = 10,
            .num_test = 6,
            .stamps = folder_ / "none",
            .num_threads = 1};
  }

  static std::map<std::string, std::string> read_all(const fs::path& root) {
    std::map<std::string, std::string> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) files[fs::relative(entry.path(), root).string()] = read_text_file(entry.path());
    }
    return files;
  }

  static std::string error_of(const SynthOptions& options) {
    try {
      synthesize(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  molmo::testing::TemporaryFolder folder_;
};

TEST_F(Synth, WaitsForWhoeverMakesTheFolder) {
  fs::create_directories(folder_ / "set");
  auto held = FileLock::try_take(folder_ / "set");
  std::atomic<bool> is_done = false;
  std::thread other([&] {
    synthesize(options("set"));
    is_done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(is_done);
  EXPECT_TRUE(fs::is_empty(folder_ / "set"));
  held.reset();
  other.join();
  EXPECT_TRUE(synthesize(options("set")).was_complete);
}

TEST_F(Synth, SameBytesForAnyNumberOfThreads) {
  SynthOptions three = options("three");
  three.num_threads = 3;
  synthesize(options("one"));
  synthesize(three);
  const auto one = read_all(folder_ / "one");
  EXPECT_EQ(one.size(), 10u + 6u + 2u + 2u);  // pictures of the three splits, data.jsonl, synth.json
  EXPECT_TRUE(one == read_all(folder_ / "three"));
  SynthOptions other = options("other");
  other.seed = 8;
  synthesize(other);
  EXPECT_NE(one.at("data.jsonl"), read_text_file(folder_ / "other" / "data.jsonl"));
}

TEST_F(Synth, TheSummaryCountsAllPictures) {
  const SynthSummary summary = synthesize(options("counted"));
  int64_t num_points = 0, num_counts = 0, num_questions = 0;
  for_each_json_line(folder_ / "counted" / "data.jsonl", [&](size_t, const Json& record) {
    num_points += static_cast<int64_t>(record.at("points").size());
    num_counts += static_cast<int64_t>(record.value("counts", Json::array()).size());
    num_questions += static_cast<int64_t>(record.at("qa").size() + record.value("choices", Json::array()).size());
  });
  EXPECT_EQ(summary.num_points, num_points);
  EXPECT_EQ(summary.num_counts, num_counts);
  EXPECT_EQ(summary.num_questions, num_questions);
  EXPECT_GT(num_points, 18);
}

TEST_F(Synth, ACompleteSetIsLeftAlone) {
  const SynthSummary first = synthesize(options("set"));
  const auto time = fs::last_write_time(folder_ / "set" / "data.jsonl");
  const SynthSummary second = synthesize(options("set"));
  EXPECT_FALSE(first.was_complete);
  EXPECT_TRUE(second.was_complete);
  EXPECT_EQ(fs::last_write_time(folder_ / "set" / "data.jsonl"), time);
  EXPECT_EQ(first.num_points, second.num_points);
  EXPECT_EQ(first.kinds, second.kinds);
}

TEST_F(Synth, AnInterruptedSetIsMadeAnew) {
  synthesize(options("whole"));
  synthesize(options("set"));
  Json state = read_json(folder_ / "set" / "synth.json");
  state["complete"] = false;
  write_json(folder_ / "set" / "synth.json", state);
  fs::remove(folder_ / "set" / "data.jsonl");
  EXPECT_FALSE(synthesize(options("set")).was_complete);
  EXPECT_TRUE(read_all(folder_ / "whole") == read_all(folder_ / "set"));
}

TEST_F(Synth, RefusesFoldersThatAreNotItsOwn) {
  fs::create_directories(folder_ / "mine");
  std::ofstream(folder_ / "mine" / "thesis.txt") << "do not lose";
  EXPECT_NE(error_of(options("mine")).find("not empty and holds no synthesized set"), std::string::npos);
  EXPECT_NE(error_of(options("mine/thesis.txt")).find("is a file"), std::string::npos);
  synthesize(options("set"));
  SynthOptions other = options("set");
  other.seed = 9;
  EXPECT_NE(error_of(other).find("made with other options"), std::string::npos) << error_of(other);
}

TEST_F(Synth, NamesValuesOutOfRange) {
  SynthOptions bad = options("set");
  bad.level = 3;
  EXPECT_EQ(error_of(bad), "[synth] level: got 3, expected 0 to 2");
  bad = options("set");
  bad.num_test = -5;
  EXPECT_EQ(error_of(bad), "[synth] number of pictures: got -5, expected 0 to 10000000");
  EXPECT_FALSE(fs::exists(folder_ / "set"));
}

TEST_F(Synth, SplitsAndKindsAreSeparate) {
  const SynthSummary summary = synthesize(options("set"));
  EXPECT_FALSE(summary.has_stamps);
  EXPECT_EQ(summary.kinds.size(), 4u);
  std::map<std::string, int> num_pictures;
  std::map<std::string, std::set<std::string>> kinds;
  for_each_json_line(folder_ / "set" / "data.jsonl", [&](size_t, const Json& record) {
    const std::string split = record["split"];
    ++num_pictures[split];
    EXPECT_TRUE(fs::is_regular_file(folder_ / "set" / record["image"].get<std::string>()));
    for (const Json& object : record["objects"]) kinds[split].insert(object["kind"].get<std::string>());
  });
  EXPECT_EQ(num_pictures, (std::map<std::string, int>{{"train", 10}, {"test", 6}, {"test_unseen", 2}}));
  for (const std::string& kind : kinds["test_unseen"]) EXPECT_FALSE(kinds["train"].contains(kind)) << kind;
}

void save_stamp(const fs::path& path, const std::string& caption) {
  fs::create_directories(path.parent_path());
  const std::vector<uint8_t> pixels(size_t{48} * 48 * 4, 255);
  png_image png{.version = PNG_IMAGE_VERSION, .width = 48, .height = 48, .format = PNG_FORMAT_RGBA};
  ASSERT_NE(png_image_write_to_file(&png, path.c_str(), 0, pixels.data(), 0, nullptr), 0) << png.message;
  write_file_atomically(fs::path(path).replace_extension(".txt"), caption);
}

// The same seed gives the same set on every machine: which stamp is drawn, and which is held out, goes by their order.
TEST_F(Synth, StampsAreOrderedByTheirPaths) {
  const fs::path stamps = folder_ / "stamps";
  for (const std::string kind : {"apple", "penguin", "flower", "banana"})
    save_stamp(stamps / (kind + ".png"), (kind == "apple" ? "An " : "A ") + kind + ".");
  std::vector<std::string> expected;
  for (int i = 0; i < 12; ++i) {
    const int number = 10 + i * 5 % 12;  // neither forwards nor backwards
    save_stamp(stamps / "vehicles" / "auto" / fmt::format("{}.png", number), fmt::format("Car {}.", number));
    expected.push_back(fmt::format("Car {}.", 10 + i));
  }
  ThreadPool pool(2);
  const SpriteLibrary library = load_sprite_library(stamps, kLevels[0], pool);
  ASSERT_TRUE(library.has_stamps);
  std::vector<std::string> captions;
  for (const Sprite& sprite : library.kinds.at(1).sprites) captions.push_back(sprite.caption);
  EXPECT_EQ(captions, expected);
}

TEST_F(Synth, StampsGiveTwelveKindsAndFiveHundredQuestions) {
  SynthOptions stamps = options("stamps");
  stamps.stamps = SynthOptions{}.stamps;
  if (!fs::is_directory(stamps.stamps)) GTEST_SKIP() << "tuxpaint-stamps-default is not installed";
  stamps.level = 1;
  stamps.num_train = 0;
  stamps.num_test = 200;
  stamps.num_threads = 0;
  const SynthSummary summary = synthesize(stamps);
  EXPECT_TRUE(summary.has_stamps);
  EXPECT_EQ(summary.kinds.size(), 12u);
  EXPECT_GE(summary.num_points + summary.num_counts, 500);
}

}  // namespace
}  // namespace molmo::synth
