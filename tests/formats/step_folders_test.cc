// Which step of a run is taken: one whose manifest and files are all there, whatever `latest` says.
// SPDX-License-Identifier: Apache-2.0
#include "formats/step_folders.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "molmo/error.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::formats {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;

void write_step(const fs::path& run, int64_t step, int keep = 9) {
  const fs::path folder = begin_step_folder(run, step);
  write_file_atomically(folder / "model-00001-of-00001.safetensors", "weights");
  write_file_atomically(folder / "molmo.json", "{}");
  complete_step_folder(run, step, {"model-00001-of-00001.safetensors"}, keep);
}

// A run of the steps 2, 4 and 6.
class Steps : public ::testing::Test {
 protected:
  Steps() {
    for (const int64_t step : {2, 4, 6}) write_step(run_, step);
  }
  fs::path step(int64_t number) const { return run_ / step_folder_name(number); }

  TemporaryFolder folder_;
  fs::path run_ = folder_ / "run";
};

TEST_F(Steps, TheNewestIsTaken) {
  EXPECT_EQ(complete_steps(run_), (std::vector<int64_t>{2, 4, 6}));
  EXPECT_EQ(newest_complete_folder(run_), step(6));
  EXPECT_TRUE(is_run_folder(run_));
  EXPECT_FALSE(is_run_folder(step(6)));  // that one is a model
  EXPECT_FALSE(is_run_folder(folder_ / "none"));
}

TEST_F(Steps, AnIncompleteOneIsPassedOver) {
  const auto expect_left_out = [&](const std::string& defect) {
    EXPECT_EQ(newest_complete_step(run_), 4) << defect;
    EXPECT_EQ(complete_steps(run_), (std::vector<int64_t>{2, 4})) << defect;
    EXPECT_EQ(defect_of_step(step(6)), defect);
    const std::string error = error_of([&] { expect_complete_step(step(6)); });
    EXPECT_NE(error.find("step000006: incomplete: " + defect +
                         "; expected a complete step, the newest of its run is "
                         "step000004"),
              std::string::npos)
        << error;
    write_step(run_, 6);
    EXPECT_EQ(newest_complete_step(run_), 6);
  };
  fs::resize_file(step(6) / "model-00001-of-00001.safetensors", 0);
  expect_left_out("model-00001-of-00001.safetensors has 0 bytes, expected 7");
  fs::remove(step(6) / "model-00001-of-00001.safetensors");
  expect_left_out("model-00001-of-00001.safetensors: No such file or directory");
  fs::remove(step(6) / "manifest.json");
  expect_left_out("no manifest.json");
  for (const char* text : {"", "null", "{\"files\": ", "{\"files\": {\"molmo.json\": \"x\"}}"}) {
    write_file_atomically(step(6) / "manifest.json", text);
    expect_left_out("manifest.json cannot be read");
  }
  write_file_atomically(step(6) / "manifest.json", R"({"format": 1, "files": {}})");
  expect_left_out("manifest.json names no files");
}

TEST_F(Steps, LatestDecidesNothing) {
  for (const char* text :
       {"", "\n", "step000006\r\n", "step000009\n", "step000002\n", "/nowhere", "../run/step000004"}) {
    write_file_atomically(run_ / "latest", text);
    EXPECT_EQ(newest_complete_folder(run_), step(6)) << text;
  }
  fs::remove(run_ / "latest");
  EXPECT_EQ(newest_complete_folder(run_), step(6));
  EXPECT_TRUE(is_run_folder(run_));
}

TEST_F(Steps, ARunWithoutACompleteOneSaysSo) {
  for (const int64_t number : {2, 4, 6}) fs::remove(step(number) / "manifest.json");
  EXPECT_EQ(newest_complete_step(run_), std::nullopt);
  EXPECT_EQ(error_of([&] { newest_complete_folder(run_); }),
            "[checkpoint] " + run_.string() +
                ": a run without a complete step, got 3 step folders, expected one with the "
                "files that its manifest.json names");
}

TEST_F(Steps, AFolderWithAnotherNameIsItsOwners) {
  fs::copy(step(6), folder_ / "mine");
  fs::remove(folder_ / "mine" / "manifest.json");
  expect_complete_step(folder_ / "mine");
  fs::create_directories(folder_ / "step3000");  // as another program names its checkpoints
  expect_complete_step(folder_ / "step3000");
  fs::resize_file(step(6) / "molmo.json", 1);
  EXPECT_THROW(expect_complete_step(step(6).string() + "/"), Error);  // a step by whatever path
  EXPECT_THROW(expect_complete_step(run_ / "step000002" / ".." / "step000006"), Error);
}

// Going on from it would count from another step than the one that was reached.
TEST_F(Steps, ARenamedOneIsPassedOver) {
  const auto write = [&](int64_t number) {
    const fs::path folder = begin_step_folder(run_, number);
    write_file_atomically(folder / "molmo.json", "{}");
    write_file_atomically(folder / kStateFile, "{\"step\": " + std::to_string(number) + "}");
    complete_step_folder(run_, number, {}, 9);
  };
  write(6);
  EXPECT_EQ(newest_complete_step(run_), 6);
  fs::rename(step(6), step(9));
  EXPECT_EQ(defect_of_step(step(9)), "its state.json is that of step000006: the folder was renamed");
  EXPECT_EQ(newest_complete_step(run_), 4);
  EXPECT_EQ(damaged_steps(run_), std::vector<fs::path>{step(9)});
  const std::string error = error_of([&] { expect_complete_step(step(9)); });
  EXPECT_NE(error.find("step000009: incomplete: its state.json is that of step000006"), std::string::npos) << error;
}

TEST_F(Steps, TheBestOneStays) {
  mark_best_step(run_, 4);
  EXPECT_EQ(best_step(run_), 4);
  write_step(run_, 8, /*keep=*/1);
  EXPECT_EQ(complete_steps(run_), (std::vector<int64_t>{4, 8}));
  mark_best_step(run_, 8);
  write_step(run_, 10, /*keep=*/1);
  EXPECT_EQ(complete_steps(run_), (std::vector<int64_t>{8, 10}));
  write_file_atomically(run_ / "best", "../elsewhere\n");
  EXPECT_EQ(best_step(run_), std::nullopt);
}

TEST_F(Steps, OldOnesGoWhenANewOneIsComplete) {
  fs::remove(step(4) / "manifest.json");
  write_step(run_, 8, /*keep=*/2);
  EXPECT_EQ(complete_steps(run_), (std::vector<int64_t>{6, 8}));
  EXPECT_FALSE(fs::exists(step(2)));
  EXPECT_FALSE(fs::exists(step(4)));  // the torso too
  EXPECT_EQ(read_text_file(run_ / "latest"), "step000008\n");
}

}  // namespace
}  // namespace molmo::formats
