// What `train` says before its first step, with --dry-run and without: the plan, what is seldom meant, what cannot be.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/files.h"
#include "cli/trained_program.h"

namespace molmo {
namespace {

namespace fs = std::filesystem;
using molmo::testing::expect_user_error;
using molmo::testing::Outcome;
using molmo::testing::run_program;

class Start : public molmo::testing::TrainedProgram {
 protected:
  static Outcome dry_run(const std::string& more, const std::string& environment = "") {
    return run_program("train " + path("recipe.json") + " --dry-run " + more, environment);
  }
  // The plan's lines that begin with `word`.
  static std::string lines_of(const Outcome& outcome, const std::string& word) {
    std::string found;
    for (size_t at = 0; at < outcome.out.size();) {
      const size_t end = outcome.out.find('\n', at);
      if (outcome.out.compare(at, word.size(), word) == 0) found += outcome.out.substr(at, end - at + 1);
      at = end + 1;
    }
    return found;
  }
  static void expect_says(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
  }
};

TEST_F(Start, TheDryRunSaysWhatTheRunWouldBe) {
  const Outcome plan = dry_run("--threads 1");
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_EQ(lines_of(plan, "recipe"), "recipe       stage sft, seed 7\n");
  expect_says(lines_of(plan, "model"),
              " parameters: decoder 2 x 16, tower 2 x 16 (blocks x width), an overview and up to 2 "
              "crops at 56 x 56 pixels");
  EXPECT_EQ(lines_of(plan, "data"),
            "data         scenes: 8 examples of split 'train' in " + path("data") + ", rate 1.000, 1.5 epochs\n");
  expect_says(lines_of(plan, "lengths"), "in 8 examples; cut at 512\n");
  expect_says(lines_of(plan, "example"), path("data") + "/data.jsonl:");
  expect_says(lines_of(plan, "  text"), " image tokens]");
  expect_says(lines_of(plan, "  loss"), " tokens (");
  expect_says(lines_of(plan, "optimizer"), "llm_decay: ");
  EXPECT_EQ(lines_of(plan, "steps"), "steps        6 of 2 examples in micro-batches of 1\n");
  expect_says(lines_of(plan, "first step"), "2 examples in 2 micro-batches, ");
  EXPECT_EQ(lines_of(plan, "compute"), "compute      cpu, fp32, 1 thread\n");
  expect_says(lines_of(plan, "memory"), " on one rank: ");
  expect_says(lines_of(plan, "checkpoints"), "every 3 steps or 30 minutes, ");
  expect_says(lines_of(plan, "checkpoints"), " of disk for the 9 that are kept and one that is being written");
  EXPECT_EQ(plan.err, "");
}

// The size that it names is that of a step, but for headers and the model's small files.
TEST_F(Start, TheDryRunKnowsTheSizeOfACheckpoint) {
  const std::string line = lines_of(dry_run(""), "checkpoints");
  const size_t at = line.find(" minutes, ");
  ASSERT_NE(at, std::string::npos) << line;
  ASSERT_NE(line.find(" KiB each"), std::string::npos) << line;
  const double said = 1024 * std::stod(line.substr(at + 10));
  double found = 0;
  for (const char* name : {"model-00001-of-00001.safetensors", "optim-00001-of-00001.safetensors"})
    found += static_cast<double>(fs::file_size(path("straight") + "/step000006/" + name));
  EXPECT_LT(said, found);
  EXPECT_GT(said, 0.7 * found);
}

TEST_F(Start, TheDryRunPlansTheMemoryOfEachRank) {
  expect_says(lines_of(dry_run("--ranks 4"), "memory"), " on each of 4 ranks: ");
  expect_says(lines_of(dry_run("--ranks 4"), "memory"), " of whole gradients where they fit");
  expect_user_error(dry_run("--ranks 4 --set sharding.replicas=3"),
                    "[train] sharding.replicas, got 3, expected a divisor of the 4 ranks");
  const std::string ranks = "WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 ";
  expect_says(dry_run("", ranks + "RANK=0 LOCAL_RANK=0").out, " on each of 2 ranks: ");
  EXPECT_EQ(dry_run("", ranks + "RANK=1 LOCAL_RANK=1").out, "") << "once is enough";
  EXPECT_EQ(run_program("train " + path("recipe.json") + " --out x --ranks 2").code, 2) << "of a dry run alone";
}

TEST_F(Start, ARunNeedsAFolder) {
  expect_user_error(run_program("train " + path("recipe.json")),
                    "[train] --out, got nothing, expected the run folder (only --dry-run needs none)");
}

TEST_F(Start, ASequenceLengthWithoutRoomForAnswersIsRefused) {
  const std::string options = "--set data.sequence_length=16";
  const std::string text =
      "[data] data.sequence_length = 16 cuts 8 of 8 examples (100 %), and leaves 8 of them without anything that the "
      "loss "
      "counts: they have ";
  for (const Outcome& outcome : {dry_run(options), train("short", options)}) {
    expect_user_error(outcome, text);
    expect_says(outcome.err, " (median), ");
    expect_says(outcome.err, " (95 %), ");
    expect_says(outcome.err, " (longest) in 8 examples, of which ");
    expect_says(outcome.err, "; expected room for the answers: at least ");
  }
  EXPECT_FALSE(fs::exists(path("short")));
}

TEST_F(Start, ExamplesThatAreCutAreCounted) {
  const Outcome plan = dry_run("--set data.sequence_length=120");
  EXPECT_EQ(plan.code, 0) << plan.err;
  expect_says(plan.err, "[data] data.sequence_length = 120 cuts ");
  expect_says(plan.err, " of 8 examples (");
}

TEST_F(Start, AWarmUpThatIsLongerThanTheRunIsNamed) {
  const std::string options =
      "--set optimizer.llm.warmup_steps=60 --set optimizer.vit.warmup_steps=60 "
      "--set optimizer.vit.train=false";
  const std::string text =
      "[train] optimizer.llm.warmup_steps = 60 is more than the run's 6 steps: its learning rate ends at 0.0001, 10.0 "
      "% of "
      "the peak";
  const Outcome run = train("warm", options);
  for (const Outcome& outcome : {dry_run(options), run}) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    expect_says(outcome.err, text);
    EXPECT_EQ(outcome.err.find("optimizer.vit.warmup_steps"), std::string::npos) << "it does not train";
  }
  expect_says(read_text_file(path("warm") + "/log.txt"), text);
}

TEST_F(Start, AStepOfMoreThanTheDataIsNamed) {
  const Outcome plan = dry_run("--set global_batch_size=20");
  EXPECT_EQ(plan.code, 0) << plan.err;
  expect_says(
      plan.err,
      "[train] global_batch_size = 20 takes 2.5 epochs of data.datasets.scenes in one step: 20 of its 8 examples");
}

// The first step at once, in the words of metrics.jsonl.
TEST_F(Start, ARunSaysWhatItIsAndItsFirstStep) {
  const Outcome run = train("told", "--set log_every=100 --threads 1");
  ASSERT_EQ(run.code, 0) << run.err;
  expect_says(run.err, "; 8 examples in 1 dataset; steps 1 to 6 of 2 examples; cpu, fp32, 1 thread, 1 rank; out " +
                           path("told") + "\n");
  expect_says(run.err, "sft 1/6  cross_entropy ");
  expect_says(run.err, "sft 6/6  cross_entropy ");
  expect_says(run.err, "ETA 0 s\n");
  EXPECT_EQ(run.err.find(" 3/6 "), std::string::npos) << run.err;
  const std::string log = read_text_file(path("told") + "/log.txt");
  expect_says(log, "; out " + path("told") + "\n");
  expect_says(log, "sft 1/6  cross_entropy ");
  const Outcome more = train("told", "--resume auto --set steps=8 --threads 1");
  ASSERT_EQ(more.code, 0) << more.err;
  for (const char* text : {"steps 7 to 8 of 2 examples", "resumed with steps: 6 -> 8", "resumed from "})
    expect_says(read_text_file(path("told") + "/log.txt"), text);
}

// They are found before the run folder may be written.
TEST_F(Start, WarningsAboutTheDataReachTheLog) {
  const std::string data = path("remarked");
  fs::create_directories(data);
  fs::create_symlink(path("data") + "/img", data + "/img");
  const std::string records = read_text_file(path("data") + "/data.jsonl");
  const size_t begin = records.find("\"img/") + 1;
  write_file_atomically(data + "/data.jsonl",
                        records + "{\"image\": \"" + records.substr(begin, records.find('"', begin) - begin) + "\"}\n");
  const Outcome run = train("remarked_run", "--set data.datasets.scenes.path=" + data);
  ASSERT_EQ(run.code, 0) << run.err;
  for (const std::string& text : {run.err, read_text_file(path("remarked_run") + "/log.txt")})
    expect_says(text, "1 of 14 records hold no annotation: nothing is learnt from them (first: line 14)");
}

// By every command that takes a model.
TEST_F(Start, ARunWithoutACompleteStepIsNoModel) {
  const std::string run = path("begun");
  fs::create_directories(run);
  for (const char* name : {"config.json", "metrics.jsonl", "log.txt"})
    fs::copy(path("straight") + "/" + name, run + "/" + name);
  const std::string text = "[checkpoint] " + run + ": a run without a complete step, got 0 step folders";
  expect_user_error(run_program("generate --model " + run + " Hello"), text);
  expect_user_error(run_program("eval --model " + run + " --data " + path("data")), text);
  expect_user_error(run_program("convert " + run + " --out " + path("converted")), text);
  expect_user_error(run_program("inspect " + run), text);
  expect_user_error(dry_run("--set init_from=" + run), text);
  for (const char* key : {"init_llm_from", "init_tower_from"})
    expect_user_error(train("from_begun", fmt::format("--set {}={}", key, run)), text);
}

TEST_F(Start, AMissingShardIsNamed) {
  const std::string model = path("shards");
  ASSERT_EQ(run_program("convert " + path("straight") + " --out " + model + " --max-shard-gb 0.00002").code, 0);
  std::string shard;
  for (const auto& entry : fs::directory_iterator(model)) {
    if (entry.path().filename().string().starts_with("model-00002-of-")) shard = entry.path().filename().string();
  }
  ASSERT_FALSE(shard.empty());
  fs::remove(model + "/" + shard);
  for (const std::string& command :
       {"generate --model " + model + " Hello", "inspect " + model, "convert " + model + " --out " + path("unshared")})
    expect_user_error(run_program(command), shard);
}

}  // namespace
}  // namespace molmo
