// SPDX-License-Identifier: Apache-2.0
#include "train/meet_ranks.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "distributed/agreement.h"
#include "support/paths.h"

namespace molmo::train {
namespace {

class StartFacts : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"data", "copy"}) {
      std::filesystem::create_directory(folder_.path() / name);
      write_file_atomically(folder_.path() / name / "data.jsonl", "{\"image\": \"1.png\", \"caption\": \"a dog\"}\n");
    }
    for (const char* name : {"tokenizer.model", "copy/tokenizer.model"})
      write_file_atomically(folder_.path() / name, "a tokenizer");
    config_.data.datasets["dogs"].path = (folder_.path() / "data").string();
    config_.molmo.tokenizer.file = (folder_.path() / "tokenizer.model").string();
    options_.out = folder_.path() / "run";
  }

  // What another rank with `config` and `options` would be told.
  std::string difference_to(const config::TrainConfig& config, const RunOptions& options) const {
    const std::string resolved = distributed::difference(resolved_facts(config_), resolved_facts(config), 1);
    const std::string start = distributed::difference(start_facts(config_, options_), start_facts(config, options), 1);
    return start.empty() ? resolved : start;
  }
  std::string difference_to(const config::TrainConfig& config) const { return difference_to(config, options_); }

  testing::TemporaryFolder folder_;
  config::TrainConfig config_;
  RunOptions options_;
};

TEST_F(StartFacts, TakeCopiesOnOwnDisksForTheSame) {
  config::TrainConfig other = config_;
  other.data.datasets["dogs"].path = (folder_.path() / "copy").string();
  other.molmo.tokenizer.file = (folder_.path() / "copy/tokenizer.model").string();
  other.data.num_workers = 7, other.data.prefetch_batches = 9;
  EXPECT_EQ(difference_to(other), "");
}

TEST_F(StartFacts, NameTheKeyThatDiffers) {
  const auto changed = [&](auto change) {
    config::TrainConfig other = config_;
    change(other);
    return difference_to(other);
  };
  const std::string on_ranks = " on rank 1, expected ";
  EXPECT_EQ(changed([](auto& c) { c.steps = 5; }),
            "[dist] the ranks differ in steps, got 5 on rank 1, expected 1000 as on rank 0");
  EXPECT_NE(changed([](auto& c) { c.data.seed = 4; }).find("in data.seed, got 4" + on_ranks), std::string::npos);
  EXPECT_NE(changed([](auto& c) { c.global_batch_size = 4; }).find("in global_batch_size, got 4" + on_ranks),
            std::string::npos);
  EXPECT_NE(changed([](auto& c) { c.molmo.model.decoder.rope_theta = 7; }).find("decoder.rope_theta, got 7"),
            std::string::npos);
  EXPECT_NE(changed([](auto& c) { c.data.datasets["cats"] = c.data.datasets["dogs"]; }).find("cats"),
            std::string::npos);
  EXPECT_NE(changed([](auto& c) { c.init_from = "org/model@2"; }).find("in init_from, its files, got org/model@2"),
            std::string::npos);
}

TEST_F(StartFacts, SeeWhatIsBehindEqualPaths) {
  // As on two machines whose disks differ: the facts of before against those of after.
  const auto before = start_facts(config_, options_);
  write_file_atomically(folder_.path() / "data/data.jsonl", "{\"image\": \"1.png\", \"caption\": \"a cat\"}\n");
  EXPECT_EQ(distributed::difference(before, start_facts(config_, options_), 1)
                .find("[dist] the ranks differ in data.datasets.dogs, its data.jsonl, got 39 bytes ("),
            0u);
  const auto resolved = resolved_facts(config_);
  write_file_atomically(folder_.path() / "tokenizer.model", "a tokeniser");
  EXPECT_NE(distributed::difference(resolved, resolved_facts(config_), 1).find("the tokenizer's file"),
            std::string::npos);
}

TEST_F(StartFacts, SeeTheWeightsThatTheyStartFrom) {
  std::filesystem::create_directory(folder_.path() / "model");
  write_file_atomically(folder_.path() / "model/model.safetensors", "weights");
  config_.init_from = (folder_.path() / "model").string();
  const auto before = start_facts(config_, options_);
  write_file_atomically(folder_.path() / "model/model-2.safetensors", "more");
  EXPECT_NE(
      distributed::difference(before, start_facts(config_, options_), 1).find("init_from, its files, got 2 files ("),
      std::string::npos);
}

TEST_F(StartFacts, NameWhatComesFromTheCommandLine) {
  RunOptions other = options_;
  other.resume = true;
  EXPECT_NE(difference_to(config_, other).find("in --resume, got auto on rank 1, expected nothing"), std::string::npos);
  other = options_;
  other.out = folder_.path() / "elsewhere";
  EXPECT_NE(difference_to(config_, other).find("in --out, got "), std::string::npos);
}

}  // namespace
}  // namespace molmo::train
