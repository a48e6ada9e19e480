// A run from recipe to answers by the program alone: resume, guards and streams of `train`, `eval` and `generate`.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/trained_program.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/native_writer.h"

namespace molmo {
namespace {

using molmo::testing::expect_user_error;
using molmo::testing::Outcome;
using molmo::testing::run_command;
using molmo::testing::run_program;
using molmo::testing::TrainedProgram;

TEST_F(TrainedProgram, ResumedRunEqualsAStraightOneBitForBit) {
  ASSERT_EQ(train("resumed", "").code, 0);
  std::filesystem::remove_all(path("resumed") + "/step000006");  // as if it had been killed behind step 3
  const Outcome outcome = train("resumed", "--resume auto");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("resumed from"), std::string::npos);
  EXPECT_EQ(weights("resumed"), weights("straight"));
  size_t num_lines = 0;
  for_each_json_line(path("resumed") + "/metrics.jsonl",
                     [&](size_t, const Json& line) { EXPECT_EQ(line.at("step"), ++num_lines); });
  EXPECT_EQ(num_lines, 6u);
}

TEST_F(TrainedProgram, TornManifestCountsAsIncomplete) {
  ASSERT_EQ(train("torn", "").code, 0);
  write_file_atomically(path("torn") + "/step000006/manifest.json", "{\"files\": ");
  const Outcome outcome = train("torn", "--resume auto");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("step000006: incomplete, left out"), std::string::npos) << outcome.err;
  EXPECT_EQ(weights("torn"), weights("straight"));
}

TEST_F(TrainedProgram, ChangedRecipeIsNamedOnResume) {
  const Outcome outcome = train("straight", "--resume auto --set optimizer.llm.learning_rate=0.5");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("optimizer.llm.learning_rate: 0.001 -> 0.5"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("[train] all 6 steps were done: "), std::string::npos) << outcome.err;
}

// A later stage goes on when the run that it began with is gone: it has model and tokenizer of its own.
TEST_F(TrainedProgram, RunGoesOnWithoutWhatItBeganWith) {
  std::filesystem::copy(path("straight") + "/step000006", path("stage1"));
  const std::string options = "--set init_from=" + path("stage1");
  ASSERT_EQ(train("stage2", options).code, 0);
  const std::string expected = weights("stage2");
  std::filesystem::remove_all(path("stage2") + "/step000006");
  std::filesystem::remove_all(path("stage1"));
  const Outcome outcome = train("stage2", options + " --resume auto");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err.find("another recipe"), std::string::npos) << outcome.err;
  EXPECT_EQ(weights("stage2"), expected);
}

TEST_F(TrainedProgram, UsedRunFolderIsRefused) {
  expect_user_error(train("straight", ""), "holds a run that is 6 steps old");
}

TEST_F(TrainedProgram, FolderOfARunningRunIsRefused) {
  const FileLock running(path("running") + "/lock");
  expect_user_error(train("running", ""), "[train] " + path("running") + " is in use by another run, expected one");
}

// Before the first step, not when they are due.
TEST_F(TrainedProgram, EvaluationsThatCannotBeAreRefusedAtOnce) {
  const std::string data = path("data"), no_split = " --set evaluations.x.split=moon";
  const std::string task = " --set evaluations.x.data=" + data + R"( --set evaluations.x.tasks='["counting"]')";
  expect_user_error(train("refused", task + no_split), "no record of split 'moon', got test, test_unseen, train");
  expect_user_error(
      train("refused", " --set evaluations.x.data=" + data + R"( --set evaluations.x.tasks='["juggling"]')"),
      "juggling");
  expect_user_error(train("refused", " --set loss_evaluators.y.path=" + data +
                                         " --set loss_evaluators.y.split=test --set loss_evaluators.y.max_examples=1 "
                                         "--set micro_batch_size=2"),
                    "[train] loss evaluator 'y': 1 examples, expected at least the 2 of a micro-batch");
  EXPECT_FALSE(std::filesystem::exists(path("refused")));
}

TEST_F(TrainedProgram, EndlessBadStepsEndWith74) {
  const Outcome outcome = train("bad",
                                "--set steps=20 --set max_bad_steps=3 --set optimizer.llm.learning_rate=1e38 --set "
                                "optimizer.llm.max_grad_norm=null");
  EXPECT_EQ(outcome.code, 74) << outcome.err;
  EXPECT_NE(outcome.err.find("got 3 bad steps in a row"), std::string::npos) << outcome.err;
}

TEST_F(TrainedProgram, DryRunWritesNothing) {
  const Outcome outcome = train("dry", "--dry-run");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("parameters"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("dry")));
}

TEST_F(TrainedProgram, DryRunNamesWhatTheDataHold) {
  const std::filesystem::path own = path("own");
  std::filesystem::create_directories(own);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("data"))) {
    if (entry.path().extension() == ".jpg" || entry.path().extension() == ".png")
      std::filesystem::copy_file(entry.path(), own / "1.png", std::filesystem::copy_options::overwrite_existing);
  }
  const auto dry_run = [&](const std::string& lines) {
    write_file_atomically(own / "data.jsonl", lines);
    return train("dry", "--dry-run --set data.datasets.scenes.path=" + own.string());
  };
  const Outcome special = dry_run(R"({"image": "1.png", "caption": "c", "qa": [{"q": "Q", "a": "<|image|>"}]})");
  EXPECT_EQ(special.code, 0) << special.err;
  EXPECT_NE(special.err.find("1 of 1 records hold the text of a special token (first: line 1, '<|image|>')"),
            std::string::npos);
  const std::string outside = R"({"image": "1.png", "points": [{"label": "cats", "points": [[9000, 3]]}]})";
  const Outcome left_out = dry_run(outside + "\n" + R"({"image": "1.png", "caption": "c"})");
  EXPECT_EQ(left_out.code, 0) << left_out.err;
  EXPECT_NE(left_out.err.find("line 1: [data] point of 'cats' outside the picture"), std::string::npos) << left_out.err;
  expect_user_error(
      train("dry", "--dry-run --set data.max_bad_examples=0 --set data.datasets.scenes.path=" + own.string()),
      "outside the picture");
  expect_user_error(dry_run("{\"image\": \"1.png\", \"caption\": \"a\", \"caption\": \"b\"}"),
                    "line 1, caption: is duplicated");
}

TEST_F(TrainedProgram, EvaluationGoesOnBehindATornLine) {
  const std::string command = fmt::format("eval --model {} --data {} --tasks counting,counting --json --out {}",
                                          path("straight"), path("data"), path("eval"));
  const Outcome first = run_program(command);
  ASSERT_EQ(first.code, 0) << first.err;
  const Json scores = parse_json(first.out, "scores");
  EXPECT_TRUE(scores.at("count_accuracy").contains("blank")) << first.out;
  const std::string log = read_text_file(path("eval") + "/predictions.jsonl");
  write_file_atomically(path("eval") + "/predictions.jsonl", log.substr(0, log.size() - 9));
  const Outcome second = run_program(command);
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
  EXPECT_EQ(read_text_file(path("eval") + "/predictions.jsonl"), log);
}

// Before the model is loaded: there is none.
TEST_F(TrainedProgram, EvaluationsThatCannotEndAreRefusedAtOnce) {
  const auto refused = [&](const std::string& more, const std::string& text) {
    expect_user_error(run_program("eval --model nowhere --data " + path("data") + " " + more), text);
  };
  refused("--tasks poynting", "[eval] unknown task 'poynting', expected one of pointing, ");
  refused("--radius wide",
          "[eval] --radius wide: expected pixels, as 20, or percent of a picture's shorter side, as 5%");
  refused("--split moon", "no record of split 'moon', got test, ");
  refused("--curves " + path("straight"), "[eval] --curves without --report, which shows them");
  refused("--report r.html --curves " + path("none"), "no metrics.jsonl there, expected a run folder");
  refused("--report " + path("none/r.html"), "no such folder: ");
  refused("--out " + path("recipe.json"), "recipe.json");
  refused("", "[model] nowhere: not a folder");
}

TEST_F(TrainedProgram, EvaluationsSayWithWhatTheyWereMade) {
  const Outcome outcome = run_program(fmt::format(
      "eval --model {} --data {} --tasks counting --max-per-task 2 --seed 5 --out {} --report {} --curves {}",
      path("straight"), path("data"), path("told"), path("told.html"), path("straight")));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json told = read_json(path("told") + "/scores.json").at("evaluation");
  EXPECT_EQ(told.at("model"), path("straight"));
  EXPECT_EQ(told.at("data"), path("data"));
  EXPECT_EQ(told.at("split"), "test");
  EXPECT_EQ(told.at("version"), "0.1.0");
  EXPECT_TRUE(told.at("date").get<std::string>().ends_with(" UTC"));
  EXPECT_EQ(told.at("settings").at("tasks"), "counting");
  EXPECT_EQ(told.at("settings").at("max_per_task"), 2);
  EXPECT_EQ(told.at("settings").at("seed"), 5);
  EXPECT_TRUE(read_json(path("told") + "/scores.json").contains("count_accuracy"));
  const std::string html = read_text_file(path("told.html"));
  EXPECT_NE(html.find("<h1>Evaluation of " + path("straight") + "</h1>"), std::string::npos);
  EXPECT_NE(html.find("<dt>version</dt><dd>molmo 0.1.0</dd>"), std::string::npos);
  for (const char* raw : {"User:", "Assistant:", "&lt;point"}) EXPECT_EQ(html.find(raw), std::string::npos) << raw;
}

TEST_F(TrainedProgram, ConfigsOfRunsAndModelsAreShown) {
  const Outcome run = run_program("config show " + path("straight"));
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(parse_json(run.out, "run").at("steps"), 6);
  const Outcome model = run_program("config show " + path("straight") + "/step000006 --set preprocess.max_crops=3");
  ASSERT_EQ(model.code, 0) << model.err;
  EXPECT_EQ(parse_json(model.out, "model").at("preprocess").at("max_crops"), 3);
  EXPECT_EQ(run_program("config show " + path("recipe.json") + " --set steps=9 --diff " + path("recipe.json")).out,
            "steps: 6 -> 9\n");
  const Outcome mixed = run_program("config show " + path("straight") + "/step000006 --diff " + path("straight") +
                                    " --set preprocess.max_crops=3");
  EXPECT_NE(mixed.out.find("preprocess.max_crops: 2 -> 3\n"), std::string::npos) << mixed.out;
  EXPECT_NE(mixed.err.find("only what is below 'molmo'"), std::string::npos) << mixed.err;
}

TEST_F(TrainedProgram, ConversionsOfWeightsAloneSayWhatIsMissing) {
  const std::string step = path("straight") + "/step000006", file = step + "/model-00001-of-00001.safetensors";
  expect_user_error(
      run_program(fmt::format("convert {} --out {}", file, path("converted"))),
      fmt::format("[convert] {}: got weights without a configuration, expected the model folder {} (it has "
                  "a configuration), or --config",
                  file, step));
  std::filesystem::create_directories(path("bare"));
  std::filesystem::copy_file(file, path("bare") + "/w.safetensors");
  expect_user_error(run_program(fmt::format("convert {}/w.safetensors --out {}", path("bare"), path("converted"))),
                    "got weights without a configuration, expected --config FILE (a molmo.json)");
  const Outcome good = run_program(fmt::format("convert {} --out {}", path("straight"), path("converted")));
  ASSERT_EQ(good.code, 0) << good.err;
  EXPECT_NE(good.err.find("no config.json, since Hugging Face's format cannot say all of this model: "),
            std::string::npos)
      << good.err;
}

TEST_F(TrainedProgram, EvaluationRefusesRepliesOfOtherWeights) {
  const std::string rest =
      fmt::format(" --data {} --tasks counting --max-per-task 1 --out {}", path("data"), path("other"));
  ASSERT_EQ(run_program("eval --model " + path("straight") + "/step000003" + rest).code, 0);
  expect_user_error(run_program("eval --model " + path("straight") + "/step000006" + rest), "made with other settings");
}

TEST_F(TrainedProgram, GenerateAnswersInJson) {
  const std::string image = path("data") + "/img/test/000000";
  const std::string file = std::filesystem::exists(image + ".png") ? image + ".png" : image + ".jpg";
  const Outcome outcome = run_program(
      fmt::format("generate --model {} --image {} 'Point to the apples' --json --max-new-tokens 4 --points {}",
                  path("straight"), file, path("p.png")));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(parse_json(outcome.out, "answer").contains("points"));
  EXPECT_TRUE(std::filesystem::exists(path("p.png")));
}

// A prompt's draws are its own, however prompts are batched.
TEST_F(TrainedProgram, SamplesDoNotDependOnTheBatchSize) {
  const std::string command = fmt::format(
      "generate --model {} --temperature 3 --max-new-tokens 8 --batch-invariant --json 'one prompt' 'one prompt' "
      "'one prompt' --batch-size ",
      path("straight"));
  const std::string together = run_program(command + "8").out;
  const std::vector<std::string> answers = split_text(together, '\n');
  ASSERT_EQ(answers.size(), 4u) << together;
  EXPECT_FALSE(answers[0] == answers[1] && answers[1] == answers[2]) << together;
  EXPECT_EQ(run_program(command + "1").out, together);
  EXPECT_EQ(run_program(command + "2").out, together);
}

// Numbered through all batches.
TEST_F(TrainedProgram, DrawingsOfSeveralPromptsAreNumbered) {
  const std::string image = path("data") + "/img/test/000000";
  const std::string file = std::filesystem::exists(image + ".png") ? image + ".png" : image + ".jpg";
  const Outcome outcome =
      run_program(fmt::format("generate --model {} --image {} apples cats dogs --batch-size 2 --max-new-tokens 2 "
                              "--points {}",
                              path("straight"), file, path("numbered.png")));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* name : {"numbered-1.png", "numbered-2.png", "numbered-3.png"})
    EXPECT_TRUE(std::filesystem::exists(path(name))) << name;
}

TEST_F(TrainedProgram, HeldOutLossesTakeNoMoreExamplesThanTheyMay) {
  const Outcome outcome = train("few", fmt::format("--set steps=1 --set loss_evaluators.held='{{\"path\": \"{}\", "
                                                   "\"split\": \"test\", \"max_examples\": 3}}'",
                                                   path("data")));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for_each_json_line(path("few") + "/evaluations.jsonl",
                     [&](size_t, const Json& line) { EXPECT_EQ(line.at("examples"), 3); });
}

TEST_F(TrainedProgram, GenerateSaysAtOnceWhatItCannotDraw) {
  const std::string start = "generate --model " + path("straight") + " Hello --points ";
  expect_user_error(run_program(start + path("p.png")), "--points without a picture");
  const Outcome outcome = run_program(start + path("p.bmp") + " --image " + path("none.png"));
  expect_user_error(outcome, "extension '.bmp', expected .png, .jpg or .jpeg");
}

TEST_F(TrainedProgram, BrokenPicturesAreNamed) {
  write_file_atomically(path("empty.jpg"), "");
  write_file_atomically(path("text.png"), "this is no picture at all");
  for (const char* name : {"empty.jpg", "text.png"}) {
    expect_user_error(run_program(fmt::format("generate --model {} --image {} Hello", path("straight"), path(name))),
                      name);
  }
}

TEST_F(TrainedProgram, WeightsOfAnotherShapeAreListed) {
  const std::string model = path("misfit");
  std::filesystem::copy(path("straight") + "/step000006", model);
  Json config = read_json(model + "/molmo.json");
  config["model"]["decoder"]["ffn_width"] = 24;
  write_json(model + "/molmo.json", config);
  const Outcome outcome = run_program("generate --model " + model + " Hello");
  expect_user_error(outcome, "4 tensors do not fit the model configuration");
  expect_user_error(outcome, "model.transformer.blocks.1.ff_out.weight: got shape [16, 16], expected [16, 24]");
}

TEST_F(TrainedProgram, ConvertsThereAndBackWithoutALoss) {
  const std::string model = path("straight") + "/step000006", options = " --max-shard-gb 0.00002";
  ASSERT_EQ(run_program("convert " + model + " --out " + path("first") + options).code, 0);
  const Outcome native = run_program("convert " + path("first") + " --layout native --out " + path("native") + options);
  EXPECT_NE(native.out.find(" files\n"), std::string::npos) << native.out;  // several shards
  ASSERT_EQ(run_program("convert " + path("native") + " --out " + path("second") + options).code, 0);
  size_t num_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path("first"))) {
    ++num_files;
    EXPECT_EQ(read_binary_file(entry.path()), read_binary_file(path("second") + "/" + entry.path().filename().string()))
        << entry.path();
  }
  EXPECT_GE(num_files, 5u);
  const std::string question = " --max-new-tokens 8 \"How many?\"";
  EXPECT_EQ(run_program("generate --model " + path("native") + question).out,
            run_program("generate --model " + model + question).out);
  ASSERT_EQ(run_program("convert " + model + " --dtype bf16 --out " + path("small")).code, 0);
  EXPECT_EQ(run_program("generate --model " + path("small") + question).code, 0);
  expect_user_error(run_program("convert " + model + " --out " + model),
                    "[convert] " + model + ": got the same folder for both, expected another one for --out");
}

// The public code's checkpoint: weights under its names and its config.yaml.
TEST_F(TrainedProgram, ReadsACheckpointOfThePublicCode) {
  const std::string folder = path("native-checkpoint");
  ASSERT_EQ(run_program("convert " + path("straight") + " --layout native --out " + folder).code, 0);
  const config::MolmoConfig molmo =
      config::from_json<config::MolmoConfig>(read_json(folder + "/molmo.json"), "molmo.json");
  std::filesystem::remove(folder + "/molmo.json");
  std::filesystem::remove(folder + "/config.json");
  Json native = config::to_native(molmo);
  const auto write_yaml = [&] {  // JSON is YAML
    write_file_atomically(folder + "/config.yaml", Json{{"run_name", "x"}, {"model", native}}.dump());
  };
  write_yaml();
  const Outcome outcome = run_program("inspect " + folder);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string convert = "convert " + folder + " --dtype fp16 --out " + path("from-native");
  expect_user_error(run_program(convert),
                    "field 'eos_token_id': got nothing, expected an id, as no released model has");
  EXPECT_FALSE(std::filesystem::exists(path("from-native")));
  native["eos_token_id"] = 2;
  write_yaml();
  const Outcome converted = run_program(convert);
  EXPECT_EQ(converted.code, 0) << converted.err;
  for (const std::string next : {"generate --max-new-tokens 2 Hello --model ", "inspect --memory "}) {
    const Outcome read = run_program(next + path("from-native"));  // what was written is read
    EXPECT_EQ(read.code, 0) << read.err;
  }
}

// A recipe may not say in silence what its model is not.
TEST_F(TrainedProgram, ModelKeysBesideInitFromHoldOrAreRefused) {
  const std::string from = "--dry-run --set init_from=" + path("straight") + " --set molmo.model.decoder.";
  expect_user_error(train("keys", from + "rope_theta=500000"),
                    "'molmo.model.decoder.rope_theta': got 500000.0, expected init_from's 10000.0");
  const Outcome honoured = train("keys", from + "attention_dropout=0.25");
  EXPECT_EQ(honoured.code, 0) << honoured.err;
  EXPECT_NE(honoured.err.find("molmo.model.decoder.attention_dropout: 0.25, as the recipe says; 0.0 in init_from"),
            std::string::npos)
      << honoured.err;
}

// Several prompts on one picture share its prefix; alone, beside another picture and one by one they get the same
// answer.
TEST_F(TrainedProgram, AnswersDoNotDependOnTheBatch) {
  std::vector<std::string> pictures;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("data"))) {
    if (entry.path().extension() == ".jpg" || entry.path().extension() == ".png")
      pictures.push_back(entry.path().string());
  }
  ASSERT_GE(pictures.size(), 2u);
  const std::string run = "generate --json --max-new-tokens 10 --model " + path("straight"),
                    image = " --image " + pictures[0];
  const auto answers = [&](const std::string& more) {
    std::vector<Json> lines;
    const Outcome outcome = run_program(run + more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream stream(outcome.out);
    for (std::string line; std::getline(stream, line);) lines.push_back(parse_json(line, "answer"));
    return lines;
  };
  const std::vector<Json> shared = answers(image + " 'How many?' 'Point to the cats.' 'What is it?'");
  const std::vector<Json> alone = answers(image + " 'Point to the cats.'");
  const std::vector<Json> mixed = answers(image + " 'Point to the cats.' --image " + pictures[1] + " 'How many?'");
  const std::vector<Json> invariant =
      answers(image + " 'How many?' 'Point to the cats.' 'What is it?' --batch-invariant");
  const std::vector<Json> invariant_alone = answers(image + " 'Point to the cats.' --batch-invariant");
  ASSERT_EQ(shared.size(), 3u);
  for (const Json& other : {alone.at(0), mixed.at(0), invariant.at(1)}) {
    EXPECT_EQ(other.at("text"), shared[1].at("text"));
    EXPECT_NEAR(other.at("log_prob").get<double>(), shared[1].at("log_prob").get<double>(), 2e-5);
  }
  // The words of a special token are words: no picture moves, and more of them than pictures are no error.
  EXPECT_EQ(answers(image + " 'Is <|image|> <|image|> a tag?' 'What does <im_patch> mean?'").size(), 2u);
  EXPECT_EQ(invariant.at(1).at("log_prob"), invariant_alone.at(0).at("log_prob"));  // to the bit
}

TEST_F(TrainedProgram, ExampleOfTheLibraryAnswers) {
  const char* example = std::getenv("MOLMO_EXAMPLE_POINT");
  ASSERT_NE(example, nullptr) << "set by ctest";
  std::string picture;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("data"))) {
    if (entry.path().extension() == ".jpg" || entry.path().extension() == ".png") picture = entry.path().string();
  }
  const Outcome outcome =
      run_command(std::string(example) + " " + path("straight") + " " + picture + " cats " + path("marked.png"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_FALSE(outcome.out.empty());
  EXPECT_TRUE(std::filesystem::exists(path("marked.png")));
  EXPECT_EQ(run_command(std::string(example) + " /nowhere " + picture + " cats").code, 2);
}

TEST_F(TrainedProgram, DecodingOptionsThatContradictAreUserErrors) {
  const std::string run = "generate --model " + path("straight") + " Hello ";
  expect_user_error(run_program(run + "--beams 3 --temperature 1"),
                    "[generate] beams with a temperature, expected one of them");
  expect_user_error(run_program(run + "--top-p 0.5"),
                    "[generate] top-k or top-p without a temperature, expected a temperature above 0");
  expect_user_error(run_program(run + "--length-penalty 0.5"),
                    "[generate] a length penalty without beams, expected at least 2 beams");
  expect_user_error(run_program(run + "--stream --json"),
                    "[generate] --stream with --beams, --json or --requests, expected plain text of one sequence");
  expect_user_error(run_program(run + "--stop ''"), "[generate] an empty stop text");
  const Outcome plain = run_program(run + "--max-new-tokens 12"),
                streamed = run_program(run + "--max-new-tokens 12 --stream");
  EXPECT_EQ(plain.out, streamed.out);
  const Outcome beams = run_program(run + "--max-new-tokens 4 --beams 3 --json");
  EXPECT_EQ(parse_json(beams.out, "out").at("others").size(), 2u);
}

}  // namespace
}  // namespace molmo
