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
           {"--model m generate Hello",
            "[molmo] unknown option '--model' before the command, expected the command first\nSee 'molmo --help'.\n"},
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

TEST(Cli, HelpKeysTakesAPrefix) {
  const Outcome outcome = run_program("config show --help-keys optimizer.vit");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("optimizer.vit: ")) << outcome.out;
  EXPECT_EQ(outcome.out.find("optimizer.llm"), std::string::npos);
  expect_user_error(run_program("config show --help-keys optimzer"), "(did you mean 'optimizer'?)");
}

TEST(Cli, ConfigsOfPresetsCompare) {
  const Outcome outcome =
      run_program("config show --preset molmo-7b-d --set preprocess.max_crops=36 --diff molmo-7b-d");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "preprocess.max_crops: 12 -> 36\n");
  const Outcome same = run_program("config show --preset molmo-7b-d --diff molmo-7b-d");
  EXPECT_EQ(same.out, "");
  EXPECT_NE(same.err.find("[config] no difference"), std::string::npos) << same.err;
  expect_user_error(
      run_program("config show --preset molmo-7b-d --diff nowhere"),
      "[config] --diff nowhere: got neither a file, a folder nor a preset, expected one of them (molmo-7b-d, ");
  const TemporaryFolder folder;
  expect_user_error(run_program("config show " + folder.path().string()),
                    "got a folder without config.json or molmo.json, expected a run folder, a model folder or a file");
}

TEST(Cli, InspectBeginsWithASummary) {
  const Outcome outcome = run_program("inspect --preset molmo-7b-d --summary");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "model       molmo-7b-d\n"
            "tower       openai, 23 layers of width 1,024, 336x336 pixels in patches of 14\n"
            "connector   layers -2 and -9 of the tower, 2x2 patches pooled to a token, hidden width 18,944\n"
            "decoder     28 layers of width 3,584, 28 heads (4 of keys and values), vocabulary 152,064\n"
            "parameters  8,021,025,280 (8.02 B) in 585 tensors\n"
            "crops       an overview and up to 12 crops, at most 1,460 image tokens\n"
            "dtype       F32\n"
            "size        29.9 GiB\n");
  const Outcome json = run_program("inspect --preset molmo-7b-d --summary --json");
  EXPECT_NE(json.out.find("\"max_crops\":13"), std::string::npos) << json.out;
  EXPECT_EQ(json.out.find("tensors\":["), std::string::npos);
}

TEST(Cli, MemoryTakesItsDefaultsFromTheModel) {
  const Outcome one = run_program("inspect --preset molmo-7b-d --memory");
  EXPECT_TRUE(
      one.out.starts_with("batch size 1, prompts of 1,524 tokens, answers of 256 tokens, 13 crops in all, fp32\n"))
      << one.out;
  const Outcome four = run_program("inspect --preset molmo-7b-d --memory --rows 4 --prompt-tokens 500");
  EXPECT_TRUE(
      four.out.starts_with("batch size 4, prompts of 500 tokens, answers of 256 tokens, 52 crops in all, fp32\n"))
      << four.out;
}

TEST(Cli, AMistypedFolderIsNotOnlyAMissingModelOfTheHub) {
  const TemporaryFolder folder;
  expect_user_error(run_program("inspect runs/own", "HF_HUB_OFFLINE=1 HF_HOME=" + folder.path().string()),
                    "('runs/own' is no folder here, hence taken for an id of the hub)");
}

TEST(Cli, DataCheckReportsEverythingAtOnce) {
  const TemporaryFolder folder;
  const std::string data = (folder / "data").string();
  ASSERT_EQ(run_program("data synthesize --level 0 --train 4 --test 2 --out " + data).code, 0);
  const Outcome good = run_program("data check " + data);
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_NE(good.out.find("\ntest                  2         2 "), std::string::npos) << good.out;
  EXPECT_NE(good.out.find("label pointed at"), std::string::npos) << good.out;
  EXPECT_NE(good.err.find("no problems found"), std::string::npos) << good.err;
  for (const char* name : {"a.png", "b.png"}) write_file_atomically(folder / "data" / name, "no picture");
  write_file_atomically(folder / "data/data.jsonl", "{\"image\": \"a.png\"}\n{\"image\": \"b.png\"}\n");
  const Outcome bad = run_program("data check " + data);
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("2 of the records cannot be used as they are:\n  line 1: "), std::string::npos) << bad.err;
  EXPECT_NE(bad.err.find("\n  line 2: "), std::string::npos) << bad.err;
  EXPECT_NE(bad.out.find("note: 2 of 2 records hold no annotation"), std::string::npos) << bad.out;
}

TEST(Cli, DataShowPrintsWhatAModelIsTrainedOn) {
  const TemporaryFolder folder;
  const std::string page = (folder / "page.html").string(), data = (folder / "data.jsonl").string();
  write_file_atomically(folder / "a.ppm", "P6 20 10 255\n" + std::string(600, 'x'));
  write_file_atomically(folder / "data.jsonl",
                        "{\"image\": \"a.ppm\", \"points\": [{\"label\": \"<dogs>\", \"points\": [[5, 5], [20, 10]],"
                        " \"boxes\": [[0, 0, 6, 8], [18, 8, 20, 10]]}]}\n"
                        "{\"image\": \"a.ppm\", \"caption\": \"Grey.\", \"split\": \"test\"}\n");
  const Outcome all = run_program("data show " + folder.path().string() + " --out " + page);
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_NE(all.out.find("a.ppm  20x10 pixels, split train\n  points  2 <dogs>: [5, 5], [20, 10]\n"
                         "  box     [0, 0, 6, 8]\n"),
            std::string::npos)
      << all.out;
  EXPECT_NE(all.out.find("\n  answer  <points x1=\"25.0\" y1=\"50.0\" x2=\"100.0\" y2=\"100.0\" alt=\"<dogs>\"><dogs>"),
            std::string::npos)
      << all.out;
  EXPECT_NE(all.out.find("split test\n  prompt  User: "), std::string::npos) << all.out;
  const std::string html = read_text_file(page);
  for (const char* part :
       {"<circle class=mark style='fill:var(--c0)' cx=5.0 cy=5.0", "<rect fill=none stroke='var(--c0)'",
        "href='data:image/jpeg;base64,", "2 &lt;dogs&gt;: [5, 5]"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(run_program("data show " + data + " --line 2").out.find("points"), std::string::npos);
  EXPECT_NE(
      run_program("data show " + data + " --stage caption --line 1").out.find("nothing that this stage trains on"),
      std::string::npos);
  expect_user_error(run_program("data show " + data + " --line 3"), "data.jsonl: no record in line 3");
  expect_user_error(run_program("data show " + data + " --split val"), "data.jsonl: no record of split 'val'");
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
