// Several ranks on one machine: `molmo launch`, what they train, and what happens when one of them dies.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"
#include "base/json.h"
#include "base/listener.h"
#include "cli/trained_program.h"
#include "support/hub_server.h"

namespace molmo {
namespace {

using molmo::testing::expect_user_error;
using molmo::testing::Outcome;
using molmo::testing::run_command;
using molmo::testing::run_program;

class LaunchedRanks : public molmo::testing::TrainedProgram {
 protected:
  static Outcome launch(int ranks, const std::string& run, const std::string& more) {
    return run_program(
        fmt::format("launch -n {} -- train {} --out {} {}", ranks, path("recipe.json"), path(run), more));
  }

  // Losses and gradient norms of the steps of a run.
  static std::vector<std::pair<double, double>> curve(const std::string& run) {
    std::vector<std::pair<double, double>> points;
    for_each_json_line(path(run) + "/metrics.jsonl", [&](size_t, const Json& line) {
      points.emplace_back(line.at("cross_entropy").get<double>(), line.at("grad_norm").get<double>());
    });
    return points;
  }

  static void expect_straight_curve(const std::string& run) {
    const auto got = curve(run), expected = curve("straight");
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i].first, expected[i].first, 2e-5 * expected[i].first) << "step " << i + 1;
      EXPECT_NEAR(got[i].second, expected[i].second, 1e-3 * expected[i].second) << "step " << i + 1;
    }
  }

  // Starts two ranks on an endless run, and sends `signal` to rank `rank` (or, for -1, to the launcher) once a step is
  // saved.
  static Outcome interrupt(const std::string& run, const std::string& signal, int rank, int save_every = 2) {
    const std::string script = fmt::format(
        "( $MOLMO_BINARY launch -n 2 --grace 5 -- train {0} --out {1} --set steps=1000000 --set save_every={4} "
        "--set sharding.step_timeout=4 & "
        "launcher=$!; for i in $(seq 300); do [ -e {1}/latest ] && break; sleep 0.1; done; "
        "set -- $(cat /proc/$launcher/task/$launcher/children) $launcher; shift {2}; kill -{3} $1; wait $launcher )",
        path("recipe.json"), path(run), rank < 0 ? 2 : rank, signal, save_every);
    return run_command(script);
  }

  // Starts two ranks as a cluster does, the second with other words; what both say, and their codes: "2 2".
  static Outcome pair(const std::string& run, const std::string& words_of_second) {
    const std::string script = fmt::format(
        "export WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={}; "
        "( export RANK=0 LOCAL_RANK=0; exec $MOLMO_BINARY train {} --out {} ) & "
        "RANK=1 LOCAL_RANK=1 $MOLMO_BINARY train {} --out {}; second=$?; wait $!; echo $? $second",
        listen_on_loopback().port(), path("recipe.json"), path(run), words_of_second, path(run));
    return run_command("( " + script + " )");
  }

  static void expect_resumable(const std::string& run) {
    const Outcome resumed = launch(2, run, "--resume auto --set steps=1");
    EXPECT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_NE(resumed.err.find("resumed from"), std::string::npos) << resumed.err;
  }
};

TEST_F(LaunchedRanks, TrainLikeOneProcess) {
  for (const int ranks : {2, 3}) {  // of the batch of two the third has nothing
    const std::string run = fmt::format("ranks{}", ranks);
    const Outcome outcome = launch(ranks, run, "");
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, path(run) + "/step000006\n");  // said once
    expect_straight_curve(run);
  }
}

TEST_F(LaunchedRanks, GoOnWithAnotherNumberOfRanks) {
  ASSERT_EQ(launch(3, "resharded", "").code, 0);
  std::filesystem::remove_all(path("resharded") + "/step000006");
  const Outcome two = launch(2, "resharded", "--resume auto");
  ASSERT_EQ(two.code, 0) << two.err;
  EXPECT_NE(two.err.find("resumed from"), std::string::npos) << two.err;
  expect_straight_curve("resharded");
  std::filesystem::remove_all(path("resharded") + "/step000006");
  ASSERT_EQ(train("resharded", "--resume auto").code, 0);  // in one process
  expect_straight_curve("resharded");
}

TEST_F(LaunchedRanks, ResumeBitForBit) {
  ASSERT_EQ(launch(2, "whole", "").code, 0);
  ASSERT_EQ(launch(2, "parts", "").code, 0);
  std::filesystem::remove_all(path("parts") + "/step000006");
  ASSERT_EQ(launch(2, "parts", "--resume auto").code, 0);
  EXPECT_EQ(curve("parts"), curve("whole"));
}

// A rank with nothing left to do may be done before another has formed its last group. That race was lost in one of
// twelve runs.
TEST_F(LaunchedRanks, LeaveTogether) {
  ASSERT_EQ(launch(4, "ended", "--set steps=1").code, 0);
  for (int i = 0; i < 8; ++i) {
    const Outcome again = launch(4, "ended", "--resume auto --set steps=1");
    ASSERT_EQ(again.code, 0) << again.err;
  }
}

TEST_F(LaunchedRanks, StepFolderIsAModelFolder) {
  ASSERT_EQ(launch(2, "sliced", "").code, 0);
  const std::string step = path("sliced") + "/step000006";
  EXPECT_TRUE(std::filesystem::exists(step + "/model-00002-of-00002.safetensors"));
  const std::string question = " --max-new-tokens 8 \"How many?\"";
  const Outcome sliced = run_program("generate --model " + step + question);
  ASSERT_EQ(sliced.code, 0) << sliced.err;
  ASSERT_EQ(run_program("convert " + step + " --out " + path("exported")).code, 0);
  EXPECT_EQ(run_program("generate --model " + path("exported") + question).out, sliced.out);
  std::filesystem::remove(step + "/model-00001-of-00002.safetensors");
  expect_user_error(run_program("generate --model " + step + question),
                    "incomplete: model-00001-of-00002.safetensors: No such file or directory");
}

// One rank downloads what they begin with; the others find it in the cache, and a run that goes on needs neither.
TEST_F(LaunchedRanks, AskTheHubOnce) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path("straight") + "/step000006")) {
    if (entry.is_regular_file()) files[entry.path().filename()] = read_text_file(entry.path());
  }
  molmo::testing::HubServer hub("org/tiny", files);
  const std::string environment = fmt::format("HF_ENDPOINT={} HF_HOME={}", hub.endpoint(), path("hf"));
  const auto train = [&](const std::string& more) {
    return run_program(fmt::format("launch -n 2 -- train {} --out {} --set init_from=org/tiny {}", path("recipe.json"),
                                   path("from_hub"), more),
                       environment);
  };
  const Outcome first = train("--set steps=1");
  ASSERT_EQ(first.code, 0) << first.err;
  std::map<std::string, int> counts;
  for (const molmo::testing::HubRequest& request : hub.requests()) ++counts[request.text()];
  EXPECT_EQ(counts["GET /api/models/org/tiny/revision/main"], 1);
  for (const auto& [request, count] : counts) EXPECT_EQ(count, 1) << request;
  const Json recipe = read_json(path("from_hub") + "/config.json");
  EXPECT_EQ(recipe.at("init_from"), std::string("org/tiny@") + molmo::testing::HubServer::kCommit);
  hub.stop();
  const Outcome resumed = train("--set steps=2 --resume auto");
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(resumed.err.find("another recipe"), std::string::npos) << resumed.err;
  EXPECT_EQ(read_json(path("from_hub") + "/config.json").at("init_from"), recipe.at("init_from"));
}

TEST_F(LaunchedRanks, FailTogetherWhereTheHubHasNoSuchModel) {
  molmo::testing::HubServer hub("org/tiny", {});
  const Outcome outcome = run_program(fmt::format("launch -n 2 -- train {} --out {} --set init_from=org/other",
                                                  path("recipe.json"), path("from_nowhere")),
                                      fmt::format("HF_ENDPOINT={} HF_HOME={}", hub.endpoint(), path("hf")));
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find("[hub] org/other@main: not found (status 404)"), std::string::npos) << outcome.err;
  EXPECT_EQ(hub.requests().size(), 1u);
}

TEST_F(LaunchedRanks, RecomputationChangesNothing) {
  const std::string options = "--set recompute.decoder=1 --set recompute.vit=1 --set recompute.connector=true";
  ASSERT_EQ(train("recomputed", options).code, 0);
  expect_straight_curve("recomputed");
  ASSERT_EQ(launch(2, "recomputed2", options + " --set sharding.live_units=1 --set sharding.replicas=2").code, 0);
  expect_straight_curve("recomputed2");
}

TEST_F(LaunchedRanks, EndWith75WhenOneIsKilled) {
  const Outcome outcome = interrupt("killed", "KILL", 1);
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("rank 1 was killed by signal 9"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("[dist] rank 0 of 2: "), std::string::npos) << outcome.err;
  expect_resumable("killed");
}

// Rank 0 keeps the store through which the ranks have met.
TEST_F(LaunchedRanks, EndWith75WhenTheFirstIsKilled) {
  const Outcome outcome = interrupt("headless", "KILL", 0);
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("[dist] rank 1 of 2: "), std::string::npos) << outcome.err;
  expect_resumable("headless");
}

TEST_F(LaunchedRanks, EndWith75WhenOneHangs) {
  const Outcome outcome = interrupt("hanging", "STOP", 1);
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("[dist] rank 0 of 2: "), std::string::npos) << outcome.err;
  expect_resumable("hanging");
}

// A rank that lost another ends with 75, maybe first. Here the launcher is held until both have ended: then it sees
// rank 0 first, which is told that rank 1 cannot decode its picture, the second of the data.
TEST_F(LaunchedRanks, EndWithTheCodeOfTheOneThatFailedOfItself) {
  const std::string data = path("broken"), recipe = path("broken.json");
  const std::string script = fmt::format("cp -r {0} {1} && cp {2} {3} && sed -i 's#{0}\"#{1}\"#' {3}", path("data"),
                                         data, path("recipe.json"), recipe);
  ASSERT_EQ(run_command(script).code, 0);
  for_each_json_line(data + "/data.jsonl", [&](size_t number, const Json& record) {
    const std::string picture = data + "/" + record.at("image").get<std::string>();
    // Its header is whole: the look at the data before the first step finds nothing.
    if (number == 2) std::filesystem::resize_file(picture, read_text_file(picture).find("IDAT"));
  });
  const Outcome outcome = run_command(
      fmt::format("( $MOLMO_BINARY launch -n 2 -- train {} --out {} --set data.shuffle=false "
                  "--set data.max_bad_examples=0 & launcher=$!; "
                  "for i in $(seq 300); do ranks=$(cat /proc/$launcher/task/$launcher/children 2>/dev/null); "
                  "[ $(echo $ranks | wc -w) = 2 ] && break; sleep 0.01; done; kill -STOP $launcher; "
                  "for rank in $ranks; do for i in $(seq 300); do grep -q '^State:.Z' /proc/$rank/status && break; "
                  "sleep 0.1; done; done; kill -CONT $launcher; wait $launcher )",
                  recipe, path("broken-run")));
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find("rank 0 ended with exit code 75"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("rank 1 ended with exit code 2"), std::string::npos) << outcome.err;
}

// A save may take an hour, but not because of a rank that does nothing. With a save in every step one is on its way.
TEST_F(LaunchedRanks, EndWith75InTheTimeOfAStepWhenOneHangsWhileTheySave) {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = interrupt("hanging-save", "STOP", 1, /*save_every=*/1);
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("[dist] rank 0 of 2: "), std::string::npos) << outcome.err;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  expect_resumable("hanging-save");
}

TEST_F(LaunchedRanks, PackedRowsTrainLikeRowsOfTheirOwn) {
  ASSERT_EQ(launch(2, "packed", "--set data.packing.max_tokens=1024").code, 0);
  expect_straight_curve("packed");
  ASSERT_EQ(train("packed1", "--set data.packing.max_tokens=1024").code, 0);
  expect_straight_curve("packed1");
}

// Each rank answers its share with the weights that all hold together.
TEST_F(LaunchedRanks, AnswerTasksDuringTheRunAsOneProcessDoes) {
  const std::string evaluation = fmt::format(
      "--set evaluations.scenes='{{\"data\": \"{}\", \"split\": \"test\", \"tasks\": [\"counting\", \"caption\"], "
      "\"max_per_task\": 3, \"batch_size\": 2, \"every\": 4}}'",
      path("data"));
  std::vector<Json> of_one;
  for (const int ranks : {1, 2, 3}) {
    const std::string run = fmt::format("answered{}", ranks);
    ASSERT_EQ(launch(ranks, run, evaluation).code, 0);
    std::vector<Json> lines;
    for_each_json_line(path(run) + "/evaluations.jsonl", [&](size_t, const Json& line) { lines.push_back(line); });
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].at("step"), 4);
    EXPECT_EQ(lines[1].at("step"), 6);
    EXPECT_TRUE(lines[0].contains("count_accuracy")) << lines[0].dump();
    if (ranks == 1) of_one = lines;
    EXPECT_EQ(lines, of_one);
    expect_straight_curve(run);
  }
}

TEST_F(LaunchedRanks, HeldOutLossesAreThoseOfOneProcess) {
  const std::string evaluator =
      fmt::format("--set loss_evaluators.held='{{\"path\": \"{}\", \"split\": \"test\", \"every\": 3}}'", path("data"));
  std::vector<std::vector<double>> losses;
  for (const int ranks : {1, 2}) {
    const std::string run = fmt::format("evaluated{}", ranks);
    ASSERT_EQ(launch(ranks, run, evaluator).code, 0);
    losses.emplace_back();
    for_each_json_line(path(run) + "/evaluations.jsonl", [&](size_t, const Json& line) {
      EXPECT_EQ(line.at("evaluator"), "held");
      EXPECT_EQ(line.at("examples"), 4);
      losses.back().push_back(line.at("cross_entropy").get<double>());
    });
  }
  ASSERT_EQ(losses[0].size(), 2u);  // steps 3 and 6
  ASSERT_EQ(losses[1].size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(losses[0][i], losses[1][i], 2e-5 * losses[0][i]);
  EXPECT_LT(losses[0][1], losses[0][0]);
}

TEST_F(LaunchedRanks, SaveAndEndWith75OnASignal) {
  const Outcome outcome = interrupt("stopped", "TERM", -1);
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("the state is saved, continue with --resume auto"), std::string::npos) << outcome.err;
}

// Nobody is left to end them, or to read what they say.
TEST_F(LaunchedRanks, EndWhenTheLauncherIsKilled) {
  const Outcome outcome = run_command(
      fmt::format("( $MOLMO_BINARY launch -n 2 -- train {0} --out {1} --set steps=1000000 --set save_every=2 & "
                  "launcher=$!; for i in $(seq 300); do [ -e {1}/latest ] && break; sleep 0.1; done; "
                  "ranks=$(cat /proc/$launcher/task/$launcher/children); kill -KILL $launcher; "
                  "for i in $(seq 300); do alive=; for rank in $ranks; do "
                  "alive=$alive$(tr -d '\\0' 2>/dev/null </proc/$rank/cmdline); done; "
                  "[ -z \"$alive\" ] && exit 0; sleep 0.1; done; kill -KILL $ranks; exit 1 )",
                  path("recipe.json"), path("orphaned")));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_resumable("orphaned");
}

TEST_F(LaunchedRanks, UserErrorsOfRanksAreUserErrors) {
  const Outcome outcome = run_program("launch -n 2 -- train /nowhere.json --out " + path("none"));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("/nowhere.json"), std::string::npos) << outcome.err;
  expect_user_error(
      run_program("launch -n 2 -- eval --model x"),
      "[launch] the subcommand after --, got 'eval', expected train: no other shares its work among ranks");
  EXPECT_EQ(run_program("launch -n 2 -- molmo eval --model x").err, run_program("launch -n 2 -- eval --model x").err);
  expect_user_error(run_program("launch -n 0 -- train x"),
                    "[launch] --ranks: got '0', expected an integer from 1 to 1024");
}

TEST_F(LaunchedRanks, MayBeGivenTheNameOfTheProgram) {
  const Outcome outcome = run_program(
      fmt::format("launch -n 2 -- molmo train {} --out {} --set steps=1", path("recipe.json"), path("named")));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

// A rank that is stopped while it starts has told nobody: the launcher does, long before the grace of a minute.
TEST_F(LaunchedRanks, StopWhereOneIsStoppedBeforeItMeetsTheOthers) {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = run_command(
      fmt::format("( $MOLMO_BINARY launch -n 2 -- train {} --out {} & launcher=$!; "
                  "until [ $(cat /proc/$launcher/task/$launcher/children | wc -w) = 2 ]; do sleep 0.01; done; "
                  "set -- $(cat /proc/$launcher/task/$launcher/children); kill -TERM $2; wait $launcher )",
                  path("recipe.json"), path("early")));
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_NE(outcome.err.find("[train] stopped by a signal before the run began"), std::string::npos) << outcome.err;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30)) << outcome.err;
}

// Not at the time-out: the one that fails leaves word.
TEST_F(LaunchedRanks, EndSoonWhereOneCannotStart) {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = pair("absent", path("recipe.json") + " --set evaluations.x.data=/nowhere");
  EXPECT_EQ(outcome.out, "2 2\n") << outcome.err;
  EXPECT_NE(outcome.err.find("[dist] rank 1 of 2 has failed before it met the others: [file] cannot open /nowhere"),
            std::string::npos)
      << outcome.err;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_FALSE(std::filesystem::exists(path("absent")));
}

// Each rank would do all of it, into the same files.
TEST_F(LaunchedRanks, DoWhatIsForOneProcessNotAtAll) {
  const std::string model = path("straight"), torchrun = "RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500";
  const std::string slurm = "SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=1";
  for (const auto& [command, words] : std::map<std::string, std::string>{
           {"eval", "--data " + path("data") + " --model " + model},
           {"generate", "Hello --model " + model},
           {"convert", model + " --out " + path("twice")},
           {"inspect", model},
           {"data check", path("data")},
           {"data train-tokenizer", "--data " + path("data") + " --out " + path("twice.model")},
           {"bench data", path("recipe.json")},
           {"bench train", ""},
           {"bench decode", ""},
           {"bench preprocess", ""},
           {"bench tokenizer", ""}}) {
    const std::string arguments = command + " " + words;
    for (const std::string& environment : {torchrun, slurm})
      expect_user_error(run_program(arguments, environment),
                        "[" + command + "] got rank 1 of 2, expected one process: only train shares its work among " +
                            "ranks; start " + command + " without torchrun, or with srun -n 1");
  }
}

// They would train together, and give a model of neither recipe.
TEST_F(LaunchedRanks, AreRefusedWhereTheyDiffer) {
  const std::string recipe = path("recipe.json");
  const Outcome rate = pair("rates", recipe + " --set optimizer.llm.learning_rate=0.5");
  EXPECT_EQ(rate.out, "2 2\n") << rate.err;
  const std::string text =
      "[dist] the ranks differ in optimizer.llm.learning_rate, got 0.5 on rank 1, expected 0.001 as on rank 0\n";
  const size_t first = rate.err.find(text);
  ASSERT_NE(first, std::string::npos) << rate.err;
  EXPECT_NE(rate.err.find(text, first + 1), std::string::npos) << "on both ranks: " << rate.err;
  EXPECT_FALSE(std::filesystem::exists(path("rates"))) << "nothing is written";

  // A copy of the data that lacks lines; the path itself may be another on each machine.
  const std::string script =
      fmt::format("cp -r {0} {0}2 && cp {1} {1}2 && sed -i 's#{0}\"#{0}2\"#' {1}2", path("data"), recipe);
  ASSERT_EQ(run_command(script).code, 0);
  const Outcome copies = pair("copies", recipe + "2");
  EXPECT_TRUE(copies.out.ends_with("0 0\n")) << copies.err;
  ASSERT_EQ(run_command(fmt::format("sed -i 1d {}2/data.jsonl", path("data"))).code, 0);
  const Outcome data = pair("data-differ", recipe + "2");
  EXPECT_EQ(data.out, "2 2\n") << data.err;
  EXPECT_NE(data.err.find("the ranks differ in data.datasets.scenes, its data.jsonl, got "), std::string::npos)
      << data.err;
}

// Neither the store, which has no password, nor what the ranks send each other is for other machines.
TEST_F(LaunchedRanks, ListenOnTheLoopbackAlone) {
  const Outcome outcome = run_command(
      fmt::format("( $MOLMO_BINARY launch -n 2 -- train {} --out {} --set steps=1000000 & launcher=$!; "
                  "for i in $(seq 300); do [ -s {}/metrics.jsonl ] && break; sleep 0.1; done; "
                  "for pid in $launcher $(cat /proc/$launcher/task/$launcher/children); do "
                  "ls -l /proc/$pid/fd | sed -n 's/.*socket:.\\([0-9]*\\).$/\\1/p'; done | sort -u >{}; "
                  "cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" {{print $10, $2}}' | sort | join - {}; "
                  "kill $launcher; wait $launcher )",
                  path("recipe.json"), path("listening"), path("listening"), path("sockets"), path("sockets")));
  size_t num_sockets = 0;
  for (std::istringstream lines(outcome.out); !lines.eof();) {
    std::string line;
    if (!std::getline(lines, line) || line.find(':') == std::string::npos) continue;  // the path of the last step
    ++num_sockets;
    EXPECT_NE(line.find(" 0100007F:"), std::string::npos) << line;
  }
  EXPECT_GE(num_sockets, 3u) << "a store and two ranks: " << outcome.out << outcome.err;
}

}  // namespace
}  // namespace molmo
