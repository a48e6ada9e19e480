// Runs that are asked to end: by whom, how often, and whatever they are doing at that moment.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/listener.h"
#include "cli/trained_program.h"
#include "formats/step_folders.h"

namespace molmo {
namespace {

using molmo::testing::Outcome;
using molmo::testing::run_command;
using molmo::testing::run_program;

class Signals : public molmo::testing::TrainedProgram {
 protected:
  // Starts `molmo COMMAND` in a shell, waits for `condition` (of the shell; $pid is the program) and does `then`.
  // Answers with the program's exit code, or 124 where it has not ended 20 s later.
  static Outcome start(const std::string& command, const std::string& condition, const std::string& then,
                       const std::string& before = "true") {
    return run_command(
        fmt::format("( {}; $MOLMO_BINARY {} & pid=$!; for i in $(seq 1200); do {} && break; sleep 0.05; done; {}; "
                    "for i in $(seq 400); do kill -0 $pid 2>/dev/null || break; sleep 0.05; done; "
                    "kill -0 $pid 2>/dev/null && {{ kill -KILL $pid; exit 124; }}; wait $pid )",
                    before, command, condition, then));
  }

  static std::string train_words(const std::string& run, const std::string& more) {
    return fmt::format("train {} --out {} --resume auto {}", path("recipe.json"), path(run), more);
  }
  static std::string endless(const std::string& run, const std::string& more = "") {
    return train_words(run, "--set steps=1000000 --set save_every=1000000 --set log_every=1000000 " + more);
  }
  static std::string has_steps(const std::string& run, int count) {
    return fmt::format("[ $(cat {}/metrics.jsonl 2>/dev/null | wc -l) -ge {} ]", path(run), count);
  }
  static std::vector<Json> lines(const std::string& run, const std::string& file) {
    std::vector<Json> all;
    for_each_json_line(path(run) + "/" + file, [&](size_t, const Json& line) { all.push_back(line); });
    return all;
  }
  // Every step that has a line is saved.
  static void expect_saved(const Outcome& outcome, const std::string& run, const std::string& signal) {
    EXPECT_EQ(outcome.code, 75) << outcome.err;
    const auto newest = formats::newest_complete_step(path(run));
    ASSERT_TRUE(newest.has_value()) << outcome.err;
    EXPECT_EQ(*newest, static_cast<int64_t>(lines(run, "metrics.jsonl").size()));
    const std::string text = fmt::format("[train] stopped by {} after step {}; the state is saved", signal, *newest);
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
    EXPECT_NE(read_text_file(path(run) + "/log.txt").find(text), std::string::npos);
  }
  // One held-out evaluation after the last of two steps, long enough to be hit.
  static std::string long_evaluation() {
    return fmt::format(
        "--set steps=2 --set evaluations.x='{{\"data\": \"{}\", \"split\": \"train\", \"max_per_task\": 0, "
        "\"batch_size\": 1}}'",
        path("data"));
  }
};

TEST_F(Signals, ASecondOneDoesNotKill) {
  const Outcome outcome = start(endless("twice"), has_steps("twice", 3),
                                "kill -TERM $pid; kill -TERM $pid; sleep 0.002; kill -TERM $pid 2>/dev/null; "
                                "sleep 0.1; kill -INT $pid 2>/dev/null");
  expect_saved(outcome, "twice", "SIGTERM");
}

TEST_F(Signals, OfUsersAndTerminalsSaveToo) {
  for (const std::string signal : {"HUP", "USR1", "USR2"}) {
    const Outcome outcome = start(endless(signal), has_steps(signal, 1), fmt::format("kill -{} $pid", signal));
    expect_saved(outcome, signal, "SIG" + signal);
  }
}

TEST_F(Signals, NohupStaysNohup) {
  const Outcome outcome = start("launch -n 1 -- " + train_words("nohup", "--set steps=40"), has_steps("nohup", 1),
                                "kill -HUP $pid", "trap '' HUP");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(lines("nohup", "metrics.jsonl").size(), 40u);
}

// The first of two ranks waits for the other, which never comes: a run that is asked to end there has touched nothing.
TEST_F(Signals, WhileARunStartsLeaveNothingBehind) {
  const std::string first_of_two =
      fmt::format("export RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={}",
                  listen_on_loopback().port());
  const Outcome outcome = start(train_words("early", ""), "grep -q '^SigCgt:.*[4-7c-f]...$' /proc/$pid/status",
                                "sleep 1; kill -USR1 $pid", first_of_two);
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("[train] stopped by a signal before the run began"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(path("early")));
}

TEST_F(Signals, WhileARunWaitsForDataEndIt) {
  for (const int ranks : {1, 2}) {
    const std::string run = fmt::format("data{}", ranks);
    const Outcome outcome =
        start(fmt::format("launch -n {} -- ", ranks) + endless(run, "--set global_batch_size=1000000"),
              fmt::format("[ -e {}/config.json ]", path(run)), "sleep 0.5; kill -TERM $pid");
    EXPECT_EQ(outcome.code, 75) << outcome.err;
    EXPECT_NE(outcome.err.find("before the first step; start again"), std::string::npos) << outcome.err;
  }
}

// The run saves in the middle of an evaluation, and makes it once when it goes on.
TEST_F(Signals, InAnEvaluationAreSeenAndItIsMadeLater) {
  for (const int ranks : {1, 2}) {
    const std::string run = fmt::format("eval{}", ranks), launch = fmt::format("launch -n {} -- ", ranks);
    const std::string words = launch + train_words(run, long_evaluation());
    expect_saved(start(words, has_steps(run, 2), "sleep 0.2; kill -TERM $pid"), run, "SIGTERM");
    EXPECT_EQ(lines(run, "evaluations.jsonl").size(), 0u);
    for (int i = 0; i < 2; ++i) {
      const Outcome again = run_program(words);
      EXPECT_EQ(again.code, 0) << again.err;
      ASSERT_EQ(lines(run, "evaluations.jsonl").size(), 1u) << "start " << i;
    }
    EXPECT_EQ(lines(run, "evaluations.jsonl")[0].at("step"), 2);
  }
}

// As a scheduler does that signals every process of a job, with a launcher that passes its own on.
TEST_F(Signals, ToLauncherAndRanksAtOnceSaveOnce) {
  const Outcome outcome =
      start("launch -n 2 -- " + endless("job"), has_steps("job", 3),
            "everyone=\"$pid $(cat /proc/$pid/task/$pid/children)\"; kill -TERM $everyone; kill -USR1 $everyone; "
            "sleep 0.05; kill -TERM $everyone 2>/dev/null");
  // Of signals that wait together the kernel delivers the lowest number first.
  const bool names_user = outcome.err.find("stopped by SIGUSR1") != std::string::npos;
  expect_saved(outcome, "job", names_user ? "SIGUSR1" : "SIGTERM");
}

}  // namespace
}  // namespace molmo
