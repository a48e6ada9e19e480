// The program from outside: exit codes, streams and texts.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "base/files.h"
#include "formats/safetensors.h"
#include "support/paths.h"

namespace molmo {
namespace {

using molmo::testing::TemporaryFolder;

struct Outcome {
  int code = 0;
  std::string out, err;
};

// Runs the program with `arguments` (a shell fragment).
Outcome run(const std::string& arguments) {
  const TemporaryFolder folder;
  const char* binary = std::getenv("MOLMO_BINARY");
  if (binary == nullptr) throw std::runtime_error("MOLMO_BINARY is not set: run through ctest");
  const std::string command = std::string(binary) + " " + arguments + " >" + (folder / "out").string() + " 2>" + (folder / "err").string();
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), read_text_file(folder / "out"), read_text_file(folder / "err")};
}

void expect_user_error(const Outcome& outcome, const std::string& text) {
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
}

// Processor time of the children so far.
double child_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

TEST(Cli, HelpAnswersAtOnce) {
  const double before = child_seconds();
  const Outcome outcome = run("--help");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("generate"), std::string::npos);
  EXPECT_LT(child_seconds() - before, 0.5);  // processor time: the machine may be busy with other things
}

TEST(Cli, UnknownFlagIsAUserError) { expect_user_error(run("train recipe.json --out run --no-such-flag"), "--no-such-flag"); }

TEST(Cli, MissingModelNamesTheFolder) { expect_user_error(run("inspect /no/such/model"), "[model] /no/such/model: no such folder"); }

TEST(Cli, ConfigProblemsAreReportedTogether) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "r.json", R"({"steps": 0, "optimizer": {"llm": {"lerning_rate": 1}}, "stage": "pretrain", "data": {"datasets": {"a": {"path": "x"}}}})");
  const Outcome outcome = run("config show " + (folder / "r.json").string());
  expect_user_error(outcome, "unknown key 'optimizer.llm.lerning_rate' (did you mean 'optimizer.llm.learning_rate'?)");
  expect_user_error(outcome, "'steps': got 0");
  expect_user_error(outcome, "tower, caption, sft");
}

TEST(Cli, HelpKeysNamesEveryKey) {
  const Outcome outcome = run("config show --help-keys");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("optimizer.vit.warmup_steps"), std::string::npos);
}

TEST(Cli, InspectRefusesABrokenFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "broken.safetensors", std::string("\xff\xff\xff\xff\0\0\0\0{}", 10));
  expect_user_error(run("inspect " + (folder / "broken.safetensors").string()), "broken.safetensors: header of 4294967295 bytes");
}

TEST(Cli, InspectPrintsNamesAndCounts) {
  const TemporaryFolder folder;
  formats::SafetensorsWriter writer(folder / "m.safetensors", {{"a.weight", formats::DType::kF32, {2, 3}}});
  const std::vector<uint8_t> data(24);
  writer.write(data);
  writer.finish();
  const Outcome outcome = run("inspect --json " + (folder / "m.safetensors").string());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"num_parameters\":6"), std::string::npos) << outcome.out;
}

}  // namespace
}  // namespace molmo
