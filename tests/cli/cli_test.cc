// The program from outside: exit codes, streams and texts.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/files.h"
#include "cli/program.h"
#include "formats/safetensors.h"
#include "support/paths.h"

namespace molmo {
namespace {

using molmo::testing::expect_user_error;
using molmo::testing::Outcome;
using molmo::testing::run_program;
using molmo::testing::TemporaryFolder;

// Processor time of the children so far.
double child_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

TEST(Cli, HelpAnswersAtOnce) {
  double fastest = 1e9;  // of processor time, and the best of three: the machine may be busy with other things
  for (int i = 0; i < 3; ++i) {
    const double before = child_seconds();
    const Outcome outcome = run_program("--help");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find("generate"), std::string::npos);
    fastest = std::min(fastest, child_seconds() - before);
  }
  EXPECT_LT(fastest, 0.5);
}

TEST(Cli, WrongWordsAreNamedAndTheNearestOnesToo) {
  for (const auto& [arguments, text] : std::vector<std::pair<std::string, std::string>>{
           {"genrate", "[molmo] unknown command 'genrate', expected one of generate, train,"},
           {"genrate --model m", "(did you mean 'generate'?)\nSee 'molmo --help'.\n"},
           {"", "[molmo] got no command, expected one of generate, train,"},
           {"bench decod",
            "[bench] unknown command 'decod', expected one of data, train, decode, preprocess, tokenizer "
            "(did you mean 'decode'?)\nSee 'molmo bench --help'.\n"},
           {"data chek", "[data] unknown command 'chek', expected one of "},
           {"config", "[config] got no command, expected one of show"},
           {"train recipe.json --out run --no-such-flag", "[train] unknown option '--no-such-flag'"},
           {"generate --modl m Hello", "[generate] unknown option '--modl' (did you mean '--model'?)"},
           {"--model m generate Hello", "unknown option '--model' before the command"},
           {"convert a b --out c", "[convert] unexpected word 'b'"}}) {
    expect_user_error(run_program(arguments), text);
  }
}

TEST(Cli, WrongValuesAreNamedWithWhatIsExpected) {
  const std::string generate = "generate --model m Hello ";
  for (const auto& [arguments, text] : std::vector<std::pair<std::string, std::string>>{
           {generate + "--temperature hot", "[generate] --temperature: got 'hot', expected a number from 0 to 100"},
           {generate + "--top-p 1.5", "--top-p: got '1.5', expected a number from 0 to 1"},
           {generate + "--max-new-tokens 1e3", "--max-new-tokens: got '1e3', expected an integer from 1 to 1048576"},
           {generate + "--seed -1", "--seed: got '-1', expected an integer from 0 on"},
           {generate + "--dtype fp23", "--dtype: got 'fp23', expected one of auto, fp32, bf16 (did you mean 'fp32'?)"},
           {generate + "--model n", "[generate] --model: got 2 values, expected one"},
           {generate + "--style", "[generate] --style: got nothing, expected a value"},
           {"launch -n x -- train", "[launch] --ranks: got 'x', expected an integer from 1 to 1024"},
           {"inspect --preset molmo-7b-d --rows 2", "[inspect] --rows requires --memory"}}) {
    expect_user_error(run_program(arguments), text);
  }
}

// "molmo bench decode --help" shows options and defaults without the ranges that its errors name.
TEST(Cli, HelpShowsTypesAndDefaults) {
  EXPECT_NE(run_program("generate --help").out.find("--max-new-tokens INT=256 "), std::string::npos);
}

// The half with LibTorch and the one without; a table that fills the buffer, and one line.
TEST(Cli, FullDiskBehindStdoutIsAnError) {
  for (const char* arguments :
       {"--help", "config show --preset molmo-7b-d", "inspect --preset molmo-7b-d", "eval --help"}) {
    const Outcome outcome = testing::run_command(std::string("sh -c '$MOLMO_BINARY ") + arguments + " >/dev/full'");
    EXPECT_EQ(outcome.err, "[stdout] cannot write: No space left on device\n") << arguments;
    EXPECT_EQ(outcome.code, 2) << arguments;
  }
  EXPECT_EQ(testing::run_command("sh -c '$MOLMO_BINARY config show --preset molmo-7b-d >&-'").code, 2);
}

TEST(Cli, LimitOnFileSizesIsAnErrorThatNamesTheFile) {
  const TemporaryFolder folder;
  const Outcome outcome = testing::run_command(
      "sh -c 'ulimit -f 2; exec $MOLMO_BINARY data synthesize --level 0 --train 4 --test 2 --out " +
      (folder / "data").string() + "'");
  expect_user_error(outcome, "[file] cannot write " + (folder / "data/img").string());
  expect_user_error(outcome, ": File too large");
}

TEST(Cli, MissingModelNamesTheFolder) {
  expect_user_error(run_program("inspect /no/such/model"),
                    "[model] /no/such/model: not a folder, and not a Hugging Face model id (org/name");
}

TEST(Cli, ConfigProblemsAreReportedTogether) {
  const TemporaryFolder folder;
  write_file_atomically(
      folder / "r.json",
      R"({"steps": 0, "optimizer": {"llm": {"lerning_rate": 1}}, "stage": "pretrain", "data": {"datasets": {"a": {"path": "x"}}}})");
  const Outcome outcome = run_program("config show " + (folder / "r.json").string());
  expect_user_error(outcome, "unknown key 'optimizer.llm.lerning_rate' (did you mean 'optimizer.llm.learning_rate'?)");
  expect_user_error(outcome, "'steps': got 0");
  expect_user_error(outcome, "tower, caption, sft");
}

TEST(Cli, HelpKeysNamesEveryKey) {
  const Outcome outcome = run_program("config show --help-keys");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("optimizer.vit.warmup_steps"), std::string::npos);
}

TEST(Cli, InspectRefusesABrokenFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "broken.safetensors", std::string("\xff\xff\xff\xff\0\0\0\0{}", 10));
  expect_user_error(run_program("inspect " + (folder / "broken.safetensors").string()),
                    "broken.safetensors: header of 4294967295 bytes");
}

TEST(Cli, InspectPrintsNamesAndCounts) {
  const TemporaryFolder folder;
  formats::SafetensorsWriter writer(folder / "m.safetensors", {{"a.weight", formats::DType::kF32, {2, 3}}});
  const std::vector<uint8_t> data(24);
  writer.write(data);
  writer.finish();
  const Outcome outcome = run_program("inspect --json " + (folder / "m.safetensors").string());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"num_parameters\":6"), std::string::npos) << outcome.out;
}

TEST(Cli, InspectPlansMemory) {
  const Outcome outcome = run_program(
      "inspect --preset molmo-7b-d --memory --dtype bf16 --crops 13 --prompt-tokens 2000 --new-tokens 200 --json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"cache\":126156800"), std::string::npos)
      << outcome.out;  // 2200 slots x 28 layers x 2 x 4 heads x 128 x 2 bytes
  expect_user_error(run_program("inspect --preset molmo-7b-d --rows 2"), "--rows requires --memory");
}

TEST(Cli, TorchCommandsKeepTheirOwnHelp) {
  const Outcome outcome = run_program("bench decode --help");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("--prompt-tokens"), std::string::npos) << outcome.out;
  const Outcome list = run_program("bench --help");
  EXPECT_NE(list.out.find("prefill and decode"), std::string::npos) << list.out;
}

TEST(Cli, AMissingTorchHalfIsExplained) {
  expect_user_error(run_program("inspect x", "MOLMO_TORCH_LIBRARY=/no/such.so"), "[library] cannot open /no/such.so");
}

}  // namespace
}  // namespace molmo
