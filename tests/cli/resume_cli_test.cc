// What a run makes of its folder when it starts again: steps with a defect, other recipes, missing evaluations, a full
// disk, and starts that are refused.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "cli/trained_program.h"
#include "formats/step_folders.h"

namespace molmo {
namespace {

namespace fs = std::filesystem;
using molmo::testing::expect_user_error;
using molmo::testing::Outcome;
using molmo::testing::run_command;
using molmo::testing::run_program;

class Resume : public molmo::testing::TrainedProgram {
 protected:
  // A copy of the finished run, of steps 3 and 6.
  static std::string copy_of_run(const std::string& name) {
    fs::copy(path("straight"), path(name), fs::copy_options::recursive);
    return path(name);
  }
  // Every file with its time and content.
  static std::map<std::string, std::string> state_of(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      const auto time = entry.last_write_time().time_since_epoch().count();
      files[entry.path().string()] = fmt::format("{} ", time) + read_text_file(entry.path());
    }
    return files;
  }
  static std::vector<Json> evaluations(const std::string& run) {
    std::vector<Json> all;
    for_each_json_line(path(run) + "/evaluations.jsonl", [&](size_t, const Json& line) { all.push_back(line); });
    return all;
  }
  static std::string held_out() {
    return fmt::format(
        "--set loss_evaluators.held='{{\"path\": \"{0}\", \"split\": \"test\", \"every\": 3}}' "
        "--set evaluations.tasks='{{\"data\": \"{0}\", \"split\": \"test\", \"tasks\": [\"counting\"], "
        "\"max_per_task\": 1, "
        "\"every\": 3}}'",
        path("data"));
  }
  static bool says(const Outcome& outcome, const std::string& text) {
    return outcome.err.find(text) != std::string::npos;
  }
};

TEST_F(Resume, ARefusedStartLeavesTheFolderAsItWas) {
  const std::string run = copy_of_run("refused");
  const auto before = state_of(run);
  const std::vector<std::string> refused{"data.datasets.scenes.path=/nowhere",
                                         "data.datasets.scenes.split=moon",
                                         "molmo.model.decoder.ffn_width=24",
                                         "molmo.tokenizer.file=/nowhere",
                                         "loss_evaluators.x.path=" + path("data"),
                                         "evaluations.x.data=/nowhere",
                                         "sharding.replicas=3 --set recompute.decoder=1"};
  for (const std::string& options : refused) {
    const Outcome outcome = train("refused", "--resume auto --set steps=9 --set " + options);
    EXPECT_EQ(outcome.code, 2) << options << "\n" << outcome.err;
    EXPECT_TRUE(state_of(run) == before) << options;
  }
  EXPECT_EQ(train("refused", "").code, 2);  // without --resume
  EXPECT_TRUE(state_of(run) == before);
  const Outcome outcome = train("refused", "--resume auto --set steps=7");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_FALSE(says(outcome, "another recipe")) << outcome.err;
}

TEST_F(Resume, ARefusedStartMakesNoFolder) {
  for (const std::string options :
       {"--set init_from=/nowhere", "--set molmo.tokenizer.file=/nowhere", "--set data.datasets.scenes.split=moon"}) {
    EXPECT_EQ(train("fresh", options).code, 2) << options;
    EXPECT_FALSE(fs::exists(path("fresh"))) << options;
  }
}

TEST_F(Resume, OtherStepsAreNamedWithWhatTheyChange) {
  copy_of_run("longer");
  const Outcome outcome = train("longer", "--resume auto --set steps=7 --set log_every=2");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(says(outcome,
                   "resumed with steps: 6 -> 7: the learning rates now fall until step 7; "
                   "optimizer.decay_steps=6 keeps them as they were"))
      << outcome.err;
  EXPECT_TRUE(says(outcome, "I [train] resumed with log_every: 1 -> 2")) << outcome.err;
  EXPECT_FALSE(says(outcome, "another recipe")) << outcome.err;
  const Outcome again = train("longer", "--resume auto --set steps=8 --set log_every=2 --set optimizer.decay_steps=7");
  EXPECT_TRUE(says(again, "resumed with steps: 7 -> 8\n")) << again.err;
}

// The stream of examples does not depend on how it is cut into batches.
TEST_F(Resume, GoesOnWithAnotherBatchSize) {
  fs::remove_all(copy_of_run("batch") + "/step000006");
  const Outcome outcome = train("batch", "--resume auto --set steps=5 --set global_batch_size=4");  // after 6 examples
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(says(outcome, "another recipe than " + path("batch") + "/config.json: global_batch_size: 2 -> 4"))
      << outcome.err;
  EXPECT_EQ(read_json(path("batch") + "/step000005/state.json").at("examples_seen"), 14);
}

TEST_F(Resume, DataThatGrewAreNamed) {
  copy_of_run("grown");
  const std::string file = path("data") + "/data.jsonl", text = read_text_file(file);
  write_file_atomically(file, text + text.substr(0, text.find('\n') + 1));
  const Outcome outcome = train("grown", "--resume auto --set steps=7");
  write_file_atomically(file, text);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(says(outcome, "resumed with other data: data.datasets.scenes: data.jsonl has ")) << outcome.err;
  const Outcome back = train("grown", "--resume auto --set steps=8");
  EXPECT_TRUE(says(back, "resumed with other data: ")) << back.err;
  EXPECT_FALSE(says(train("grown", "--resume auto --set steps=9"), "other data"));
}

TEST_F(Resume, MakesTheEvaluationsThatAreMissing) {
  ASSERT_EQ(train("evaluated", held_out()).code, 0);
  const std::vector<Json> all = evaluations("evaluated");
  ASSERT_EQ(all.size(), 4u);  // two at step 3, two at step 6
  const std::string file = path("evaluated") + "/evaluations.jsonl", text = read_text_file(file);
  // The last one, and all of the last step: as if the run had ended in them. A run that is done makes them too.
  for (const size_t kept : {3u, 2u}) {
    std::string cut;
    for (size_t i = 0; i < kept; ++i) cut += format_json_line(all[i]) + "\n";
    write_file_atomically(file, cut);
    const Outcome outcome = train("evaluated", "--resume auto " + held_out());
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(read_text_file(file), text) << "kept " << kept;
  }
  ASSERT_EQ(train("evaluated", "--resume auto " + held_out()).code, 0);
  EXPECT_EQ(read_text_file(file), text);  // none twice
}

TEST_F(Resume, AnEvaluationThatFailsDoesNotEndTheRun) {
  const std::string data = path("fragile");
  fs::copy(path("data"), data, fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(data + "/img/test"))
    if (entry.is_regular_file()) write_file_atomically(entry.path(), "no picture");
  for (const int ranks : {1, 2}) {
    const std::string run = fmt::format("failing{}", ranks);
    const Outcome outcome = run_program(fmt::format(
        "launch -n {} -- train {} --out {} --set steps=2 --set evaluations.x='{{\"data\": \"{}\", \"split\": "
        "\"test\", \"max_per_task\": 1, \"every\": 1}}'",
        ranks, path("recipe.json"), path(run), data));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(says(outcome, "[train] step 1, evaluation 'x': failed, the run goes on without it: [image]"))
        << outcome.err;
    EXPECT_EQ(formats::newest_complete_step(path(run)), 2);
  }
}

TEST_F(Resume, EvaluationsWithoutQuestionsAreRefused) {
  const std::string options =
      " --set evaluations.x.split=test --set evaluations.x.data=" + path("data") + " --set evaluations.x.tasks=";
  std::string lines;
  for_each_json_line(path("data") + "/data.jsonl", [&](size_t, Json line) {
    line.erase("qa");
    lines += format_json_line(line) + "\n";
  });
  const std::string data = path("silent");
  fs::copy(path("data"), data, fs::copy_options::recursive);
  write_file_atomically(data + "/data.jsonl", lines);
  expect_user_error(train("unasked", " --set evaluations.x.split=test --set evaluations.x.data=" + data +
                                         " --set evaluations.x.tasks='[\"counting\", \"clock\"]'"),
                    "[train] evaluation 'x': " + data +
                        "/data.jsonl: got no question of task 'clock' in split 'test', "
                        "expected at least one");
}

TEST_F(Resume, StepsWithADefectAreUsedByNoCommand) {
  const std::string run = copy_of_run("damaged"), step = run + "/step000006";
  fs::resize_file(step + "/optim-00001-of-00001.safetensors", 100);
  const std::string defect = "step000006: incomplete: optim-00001-of-00001.safetensors has 100 bytes, expected ";
  expect_user_error(run_program("generate --model " + step + " Hello"), defect);
  expect_user_error(run_program("convert " + step + " --out " + path("exported")), defect);
  expect_user_error(run_program("inspect " + step), defect);
  expect_user_error(run_program("eval --model " + step + " --data " + path("data")), defect);
  expect_user_error(train("begun", "--set init_from=" + step), defect);
  write_file_atomically(run + "/latest", "step000009\r\n");
  for (const std::string& command : {"generate --max-new-tokens 1 --model " + run + " Hello", "inspect " + run}) {
    const Outcome outcome = run_program(command);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(says(outcome, "expected 'step000003', the newest complete step, which is taken")) << outcome.err;
  }
  const Outcome outcome = train("damaged", "--resume auto");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(weights("damaged"), weights("straight"));
}

// What a run had reached is not written over because its steps have been damaged.
TEST_F(Resume, ARunWhoseStepsAreAllDamagedIsRefused) {
  const std::string run = copy_of_run("lost");
  for (const char* step : {"/step000003", "/step000006"}) fs::resize_file(run + step + "/state.json", 0);
  const auto before = state_of(run);
  expect_user_error(train("lost", "--resume auto"),
                    "no complete step is left, got step000006 with a defect (state.json");
  expect_user_error(run_program("inspect " + run), "a run without a complete step");
  EXPECT_TRUE(state_of(run) == before);
}

TEST_F(Resume, AFullDiskLeavesTheLastGoodStepAndNothingElse) {
  const std::string limited = fmt::format(  // writes beyond 64 KiB of a file fail
      "( ulimit -f 64; $MOLMO_BINARY train {} --out {} --resume auto )", path("recipe.json"), path("full"));
  const auto expect_full = [&](const std::string& file) {
    const Outcome outcome = run_command(limited);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_TRUE(says(outcome, file)) << outcome.err;
    EXPECT_NE(read_text_file(path("full") + "/log.txt").find(file), std::string::npos);
    for (const auto& entry : fs::recursive_directory_iterator(path("full")))
      EXPECT_EQ(entry.path().filename().string().find(".tmp"), std::string::npos) << entry.path();
  };
  expect_full("step000003/model-00001-of-00001.safetensors");
  EXPECT_TRUE(formats::step_folders(path("full")).empty());
  ASSERT_EQ(train("full", "--resume auto --set steps=3").code, 0);  // there is room
  expect_full("step000006/model-00001-of-00001.safetensors");
  EXPECT_EQ(formats::complete_steps(path("full")), std::vector<int64_t>{3});
  ASSERT_EQ(train("full", "--resume auto --set optimizer.decay_steps=6").code, 0);
  EXPECT_EQ(formats::complete_steps(path("full")), (std::vector<int64_t>{3, 6}));
}

TEST_F(Resume, LeftoversOfKilledWritersGo) {
  const std::string run = copy_of_run("leftovers");
  // The name that an AtomicFile has while it is written.
  std::string name;
  {
    const AtomicFile writing(run + "/step000006/molmo.json");
    for (const auto& entry : fs::directory_iterator(run + "/step000006")) {
      if (is_temporary_name(entry.path().filename().string())) name = entry.path().filename().string();
    }
  }
  ASSERT_FALSE(name.empty());
  for (const char* folder : {"/", "/step000003/", "/step000006/"}) write_file_atomically(run + folder + "x", "");
  for (const char* folder : {"/", "/step000003/", "/step000006/"}) fs::rename(run + folder + "x", run + folder + name);
  ASSERT_EQ(train("leftovers", "--resume auto").code, 0);
  for (const auto& entry : fs::recursive_directory_iterator(run)) EXPECT_NE(entry.path().filename(), name);
}

// Of one picture in eight: once an epoch.
TEST_F(Resume, BadExamplesAreCountedOn) {
  const std::string data = path("broken");
  fs::copy(path("data"), data, fs::copy_options::recursive);
  for (const auto& entry : fs::directory_iterator(data + "/img/train")) {
    if (entry.path().stem() == "000000") write_file_atomically(entry.path(), "no picture");
  }
  const std::string options = " --set data.max_bad_examples=1 --set data.datasets.scenes.path=" + data;
  ASSERT_EQ(train("bad", "--set steps=4" + options).code, 0);
  EXPECT_EQ(read_json(path("bad") + "/step000004/state.json").at("bad_examples"), Json::array({1}));
  expect_user_error(train("bad", "--resume auto --set steps=8" + options), "data.jsonl:1: [image] ");
  const Outcome more = train("bad",
                             "--resume auto --set steps=8 --set data.max_bad_examples=2 --set "
                             "data.datasets.scenes.path=" +
                                 data);
  EXPECT_EQ(more.code, 0) << more.err;
  EXPECT_TRUE(says(more, "[data] left out example 2 of at most 2: ")) << more.err;
  // With two ranks the one has one of them, the other none.
  const Outcome ranks = run_program(fmt::format("launch -n 2 -- train {} --out {} --resume auto --set steps=9 {}",
                                                path("recipe.json"), path("bad"), options));
  EXPECT_EQ(ranks.code, 0) << ranks.err;
  EXPECT_EQ(read_json(path("bad") + "/step000009/state.json").at("bad_examples"), Json::array({1, 1}));
}

TEST_F(Resume, BadStepsAreCountedOn) {
  const std::string options =
      " --set steps=30 --set save_every=1 --set optimizer.llm.learning_rate=1e38 --set "
      "optimizer.llm.max_grad_norm=null";
  ASSERT_EQ(train("endless", "--set max_bad_steps=3" + options).code, 74);
  const std::vector<int64_t> steps = formats::complete_steps(path("endless"));
  ASSERT_FALSE(steps.empty());
  const std::string state = path("endless") + "/" + formats::step_folder_name(steps.back()) + "/state.json";
  EXPECT_EQ(read_json(state).at("bad_steps"), 2);  // the third ended the run
  const Outcome more = train("endless", "--resume auto --set max_bad_steps=5" + options);
  EXPECT_EQ(more.code, 74) << more.err;
  EXPECT_TRUE(says(more, fmt::format("got 5 bad steps in a row up to step {}", steps.back() + 3))) << more.err;
}

// Measured in every step: whatever is better than all before is saved, and what is best stays.
TEST_F(Resume, TheBestStepIsSavedAndKept) {
  const std::string options = fmt::format(
      " --set save_every=100 --set keep_best=held.cross_entropy --set loss_evaluators.held='{{\"path\": \"{}\", "
      "\"split\": \"test\", \"every\": 1}}' --set ",
      path("data"));
  const Outcome first = train("best", "--set steps=3 --set keep_checkpoints=9" + options + "log_every=1");
  ASSERT_EQ(first.code, 0) << first.err;
  std::vector<int64_t> improved;
  double least = 1e9;
  for (const Json& line : evaluations("best")) {
    if (line.at("cross_entropy").get<double>() >= least) continue;
    least = line.at("cross_entropy").get<double>();
    improved.push_back(line.at("step").get<int64_t>());
    EXPECT_TRUE(says(first, fmt::format("step {} is the best so far by held.cross_entropy", improved.back())));
  }
  std::vector<int64_t> saved = improved;
  if (saved.back() != 3) saved.push_back(3);
  EXPECT_EQ(formats::complete_steps(path("best")), saved);
  // A learning rate that destroys the model: no later step is better.
  const Outcome worse = train(
      "best", "--resume auto --set steps=6 --set keep_checkpoints=1" + options + "optimizer.llm.learning_rate=1000");
  ASSERT_EQ(worse.code, 0) << worse.err;
  EXPECT_EQ(read_text_file(path("best") + "/best"), formats::step_folder_name(improved.back()) + "\n");
  EXPECT_EQ(formats::complete_steps(path("best")), (std::vector<int64_t>{improved.back(), 6}));
  expect_user_error(train("unknown-best", "--set keep_best=held.accuracy"),
                    "'keep_best': got held.accuracy, expected NAME.cross_entropy, .z_loss or .accuracy of one of "
                    "loss_evaluators, or another score of one of evaluations");
}

TEST_F(Resume, ARunDoesNotGoOnFromARenamedStep) {
  const std::string run = copy_of_run("renamed");
  fs::remove_all(run + "/step000003");
  fs::rename(run + "/step000006", run + "/step000009");
  const auto before = state_of(run);
  expect_user_error(train("renamed", "--resume auto"),
                    "no complete step is left, got step000009 with a defect (its state.json is that of step000006: the "
                    "folder was renamed)");
  expect_user_error(run_program("inspect " + run + "/step000009"), "the folder was renamed");
  EXPECT_TRUE(state_of(run) == before);
}

TEST_F(Resume, SavesByTheClockToo) {
  const Outcome outcome = train("clock", "--set steps=3 --set save_every=100 --set save_minutes=0.00001");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(formats::complete_steps(path("clock")), (std::vector<int64_t>{1, 2, 3}));
  ASSERT_EQ(train("steps", "--set steps=3 --set save_every=100 --set save_minutes=0").code, 0);
  EXPECT_EQ(formats::complete_steps(path("steps")), std::vector<int64_t>{3});
}

}  // namespace
}  // namespace molmo
