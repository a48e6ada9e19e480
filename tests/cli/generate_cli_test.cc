// What `molmo generate` takes and how it answers: words, images and requests in every way that people type them.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/trained_program.h"

namespace molmo {
namespace {

using molmo::testing::expect_user_error;
using molmo::testing::Outcome;
using molmo::testing::run_command;
using molmo::testing::run_program;
using molmo::testing::TrainedProgram;

class Generate : public TrainedProgram {
 protected:
  // Two words of an answer suffice where the question is what was asked.
  static std::string command(const std::string& more) {
    return "generate --device cpu --max-new-tokens 2 --model " + path("straight") + " " + more;
  }

  static std::vector<Json> answers(const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<Json> lines;
    for (const std::string& line : split_text(outcome.out, '\n')) {
      if (!line.empty()) lines.push_back(parse_json(line, "answer"));
    }
    return lines;
  }

  // "a.png,b.png: What?" of each answer, without the folder.
  static std::vector<std::string> questions(const Outcome& outcome) {
    std::vector<std::string> asked;
    for (const Json& line : answers(outcome)) {
      std::vector<std::string> images;
      const auto name = [](const Json& image) { return std::filesystem::path(image.get<std::string>()).filename(); };
      if (line.contains("images"))
        for (const Json& image : line.at("images")) images.push_back(name(image));
      else if (!line.at("image").is_null())
        images.push_back(name(line.at("image")));
      asked.push_back(join_text(images, ",") + ": " + line.at("prompt").get<std::string>());
    }
    return asked;
  }

  // A folder with a.png, b.png and c.png, as a prefix of their paths.
  static std::string pictures() {
    const std::string folder = path("pictures");
    if (std::filesystem::create_directory(folder)) {
      std::string name = "a.png";
      for (const auto& entry : std::filesystem::directory_iterator(path("data") + "/img/test")) {
        std::filesystem::copy(entry.path(), folder + "/" + name);
        if (name[0]++ == 'c') break;
      }
    }
    return folder + "/";
  }
};

TEST_F(Generate, PromptsArriveAsTheyWereTyped) {
  const std::vector<std::string>
      prompts = {"[1, 2]",     "-5 + 3?",         "a,b",     "{x}", "{}", "[]", "%%", "++", "train", "", "\"quoted\"",
                 "two\nlines", "-h is a letter?", "--what?", "-7",  "/x", "(a)"},
      plain = {"--image", "-h", "-", "--", "none.jpg", "http://a.b/c.jpg"};
  std::string words;
  for (const std::string& prompt : prompts) words += "'" + prompt + "' ";
  words += "-- ";
  for (const std::string& prompt : plain) words += "'" + prompt + "' ";
  std::vector<std::string> expected;
  for (const std::string& prompt : prompts) expected.push_back(": " + prompt);
  for (const std::string& prompt : plain) expected.push_back(": " + prompt);
  EXPECT_EQ(questions(run_program(command("--json --batch-size 32 " + words))), expected);
}

TEST_F(Generate, FilesAfterAnImageAreImages) {
  const std::string in = pictures();
  const std::vector<std::string> each = {"a.png: P", "b.png: P", "c.png: P"};
  EXPECT_EQ(questions(run_program(command(fmt::format("--json --image {0}a.png {0}b.png {0}c.png P", in)))), each);
  EXPECT_EQ(questions(run_program(command(fmt::format("--json --image {}*.png P", in)))), each);
  EXPECT_EQ(
      questions(run_program(command(fmt::format("--json --image {0}a.png --image {0}b.png P --image {0}c.png", in)))),
      each);
  EXPECT_EQ(questions(run_program(command(fmt::format("--json P --image={}a.png", in)))),
            (std::vector<std::string>{"a.png: P"}));
}

TEST_F(Generate, WordsThatWereMeantAsImagesAreNeverPrompts) {
  const std::string image = "--image " + pictures() + "a.png ";
  expect_user_error(run_program(command(image + "no.jpg P")),
                    "[generate] no.jpg: no such file, expected an image (a prompt: after --)");
  expect_user_error(run_program(command(image + "'no/*.JPEG' P")), "[generate] no/*.JPEG: no such file");
  expect_user_error(run_program(command(image + "https://example.com/cat P")),
                    "[generate] https://example.com/cat: got a URL, expected a file: download it first");
  expect_user_error(run_program(command("--image https://example.com/a.jpg P")),
                    "[generate] https://example.com/a.jpg: got a URL, expected a file: download it first");
  expect_user_error(run_program(command("--image " + path("data") + " P")), "got a folder, expected an image");
  expect_user_error(run_program(command(image + path("data") + "/ P")), "got a folder, expected an image");
  expect_user_error(run_program(command("--image no.jpg P")), "[file] cannot open no.jpg: No such file or directory");
  expect_user_error(run_program(command(image + pictures() + "b.png")),
                    "[generate] got no prompt, expected one beside the images " + pictures() + "a.png, ");
  expect_user_error(run_program(command("")), "[generate] got no prompt, expected one");
}

TEST_F(Generate, ImagesAndPromptsCombineAsAsked) {
  const std::string in = pictures(), two = fmt::format("--json --image {0}a.png {0}b.png P Q ", in);
  const Outcome pairs = run_program(command(two));
  EXPECT_EQ(questions(pairs), (std::vector<std::string>{"a.png: P", "b.png: Q"}));
  EXPECT_NE(pairs.err.find("[generate] 2 images, 2 prompts: asked in pairs, in order (--combine"), std::string::npos)
      << pairs.err;
  EXPECT_EQ(questions(run_program(command(two + "--combine cross"))),
            (std::vector<std::string>{"a.png: P", "a.png: Q", "b.png: P", "b.png: Q"}));
  EXPECT_EQ(questions(run_program(command(two + "--combine together"))),
            (std::vector<std::string>{"a.png,b.png: P", "a.png,b.png: Q"}));
  const Outcome cross = run_program(command(two + in + "c.png"));
  EXPECT_EQ(questions(cross).size(), 6u);
  EXPECT_NE(cross.err.find("[generate] 3 images, 2 prompts: every prompt is asked about every image"),
            std::string::npos)
      << cross.err;
  expect_user_error(run_program(command(two + in + "c.png --combine pairs")),
                    "[generate] --combine pairs with 3 images and 2 prompts, expected as many of both");
  expect_user_error(run_program(command("P --combine cross")), "[generate] --combine without images");
  expect_user_error(run_program(command(two + "--combine both")),
                    "--combine: got 'both', expected one of pairs, cross");
}

// The model sees both pictures.
TEST_F(Generate, ImagesTogetherAreInOnePrompt) {
  const std::string in = pictures();
  const auto num_image_tokens = [&](const std::string& words) {
    return answers(run_program(command("--json " + words))).at(0).at("num_image_tokens").get<int>();
  };
  EXPECT_EQ(num_image_tokens(fmt::format("--image {0}a.png {0}b.png P --combine together", in)),
            num_image_tokens("P --image " + in + "a.png") + num_image_tokens("P --image " + in + "b.png"));
}

TEST_F(Generate, StandardInputIsAPromptPromptsOrAnImage) {
  const std::string run = " " + std::string(std::getenv("MOLMO_BINARY")) + " " + command("--json ");
  const auto piped = [&](const std::string& before, const std::string& words) {
    return run_command("( " + before + " |" + run + words + " )");
  };
  EXPECT_EQ(questions(piped("printf 'one\\ntwo\\n'", "-")), (std::vector<std::string>{": one\ntwo"}));
  EXPECT_EQ(questions(piped("printf 'one\\r\\n\\ntwo'", "--prompts -")), (std::vector<std::string>{": one", ": two"}));
  const Json answer = answers(piped("cat " + pictures() + "a.png", "--image - P")).at(0);
  EXPECT_EQ(answer.at("image"), "-");
  EXPECT_GT(answer.at("num_image_tokens"), 0);
  expect_user_error(piped("printf ''", "-"), "[generate] standard input is empty, expected a prompt");
  expect_user_error(piped("echo x", "- --image -"), "standard input is asked for twice");
  expect_user_error(piped("printf '\\n'", "--prompts -"), "[generate] standard input: no prompt, expected one a line");
  write_file_atomically(path("prompts.txt"), "first\nsecond\n");
  EXPECT_EQ(questions(run_program(command("--json --prompts " + path("prompts.txt")))),
            (std::vector<std::string>{": first", ": second"}));
}

TEST_F(Generate, RequestsAreAnsweredInOrder) {
  const std::string in = pictures(), file = path("requests.jsonl");
  write_file_atomically(file, fmt::format(R"({{"id": 7, "image": "{0}a.png", "prompt": "P"}}

{{"id": {{"k": "x"}}, "images": ["{0}b.png", "{0}a.png"], "prompt": "Q"}}
{{"prompt": "R", "style": "vqa2"}})",
                                          in));
  const Outcome outcome = run_program(command("--batch-size 2 --requests " + file));
  EXPECT_EQ(questions(outcome), (std::vector<std::string>{"a.png: P", "b.png,a.png: Q", ": R"}));
  EXPECT_EQ(answers(outcome).at(0).at("id"), 7);
  EXPECT_EQ(answers(outcome).at(1).at("id").at("k"), "x");
  EXPECT_FALSE(answers(outcome).at(2).contains("id"));
  EXPECT_EQ(run_command(fmt::format("( cat {} | {} {} )", file, std::getenv("MOLMO_BINARY"),
                                    command("--requests - --batch-size 2")))
                .out,
            outcome.out);
}

TEST_F(Generate, RequestsThatAreWrongAreNamedByTheirLine) {
  const std::string file = path("wrong.jsonl");
  const auto refused = [&](const std::string& line) {
    write_file_atomically(file, R"({"prompt": "fine"})"
                                "\n" +
                                    line + "\n");
    return run_program(command("--requests " + file));
  };
  for (const auto& [line, text] : std::vector<std::pair<std::string, std::string>>{
           {R"({"promt": "P"})", "[generate] " + file + " line 2, promt: "},
           {R"({"prompt": )", "[json] " + file + ":2:"},
           {R"({"image": "no.png", "prompt": "P"})", "[file] cannot open no.png"},
           {R"({"image": "http://a/b.png", "prompt": "P"})", "[" + file + " line 2] http://a/b.png: got a URL"},
           {R"({"image": "x"})", "[generate] " + file + " line 2, prompt: missing, expected text"},
           {R"({"prompt": 3})", "[generate] " + file + " line 2, prompt: got 3, expected text"},
           {R"({"prompt": "P", "style": "nonsense"})", "[prompt] style 'nonsense', expected one of demo,"}}) {
    expect_user_error(refused(line), text);
  }
  expect_user_error(refused(R"({"image": "a", "images": ["a"], "prompt": "P"})"),
                    "images: got image and images, expected one of them");
  expect_user_error(run_program(command("P --requests " + file)), "[generate] --requests with images, prompts or");
}

// A program that asks through a pipe has its answer before it asks again.
TEST_F(Generate, RequestsOfAPipeAreAnsweredAsTheyArrive) {
  const std::string script = fmt::format(
      "mkfifo {0} && ({1} {2} <{0} >{3} & exec 9>{0}; echo '{{\"prompt\": \"P\"}}' >&9; for i in $(seq 300); do "
      "[ -s {3} ] && break; sleep 0.1; done; wc -l <{3}; exec 9>&-; wait)",
      path("fifo"), std::getenv("MOLMO_BINARY"), command("--requests -"), path("fifo.out"));
  write_file_atomically(path("fifo.sh"), script);
  const Outcome outcome = run_command("bash " + path("fifo.sh"));
  EXPECT_EQ(trim_text(outcome.out), "1") << outcome.err;
}

TEST_F(Generate, AnswersBeginWithAWordAndSeveralAreLabelled) {
  const std::string in = pictures();
  const std::string one = run_program(command("P")).out;
  ASSERT_FALSE(one.empty());
  EXPECT_NE(one[0], ' ');
  EXPECT_EQ(run_program(command("P --stream")).out, one);
  EXPECT_EQ(answers(run_program(command("P --json"))).at(0).at("text").get<std::string>() + "\n", one);
  const std::string several = run_program(command(fmt::format("--image {0}a.png {0}b.png 'P\nand more'", in))).out;
  EXPECT_TRUE(several.starts_with("[1] " + in + "a.png: P and more\n")) << several;
  EXPECT_NE(several.find("\n\n[2] " + in + "b.png: P and more\n"), std::string::npos) << several;
  EXPECT_EQ(run_program(command(fmt::format("--stream --image {0}a.png {0}b.png 'P\nand more'", in))).out, several);
}

TEST_F(Generate, AnswersSayWhyTheyEnded) {
  const auto answer = [&](const std::string& words) { return answers(run_program(command(words + " --json"))).at(0); };
  const Json cut = answer("P --min-new-tokens 2");
  EXPECT_EQ(cut.at("num_new_tokens"), 2);
  EXPECT_EQ(cut.at("finish_reason"), "length");
  const std::string text = cut.at("text");
  ASSERT_FALSE(text.empty());
  const Json stopped = answer("P --min-new-tokens 2 --stop '" + text.substr(0, 1) + "'");
  EXPECT_EQ(stopped.at("finish_reason"), "stop_text");
  EXPECT_EQ(stopped.at("text"), "");
}

TEST_F(Generate, DrawingsSayWhatTheyShow) {
  const std::string in = pictures(), out = path("drawn.png");
  const Outcome several = run_program(command(fmt::format("--json --image {0}a.png {0}b.png P --points {1}", in, out)));
  const std::vector<Json> lines = answers(several);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].at("drawing"), path("drawn-2.png"));
  EXPECT_TRUE(std::filesystem::exists(path("drawn-2.png")));
  ASSERT_TRUE(lines[1].at("points").empty()) << "six steps of training do not teach pointing";
  EXPECT_NE(several.err.find(path("drawn-2.png") + ": the answer has no points, so this is the image as it was (" + in +
                             "b.png: P)"),
            std::string::npos)
      << several.err;
  expect_user_error(run_program(command("P --points " + out)), "[generate] --points without a picture");
}

TEST_F(Generate, UnknownStylesAreRefusedAndListed) {
  const Outcome outcome = run_program(command("P --style pointin"));
  expect_user_error(outcome,
                    "[prompt] style 'pointin', expected one of demo, user_qa, long_caption, transcript, pointing,");
  expect_user_error(outcome, "(did you mean 'pointing'?)");
  EXPECT_NE(run_program("generate --help").out.find("Styles: demo, user_qa, long_caption"), std::string::npos);
  const auto num_tokens = [&](const std::string& words) {
    return answers(run_program(command(words + " --json"))).at(0).at("num_prompt_tokens").get<int>();
  };
  EXPECT_GT(num_tokens("P --style pointing"), num_tokens("P"));  // a tag, though training draws it at random
  EXPECT_EQ(num_tokens("P --style pointing"), num_tokens("'pointing: P'"));
  EXPECT_EQ(num_tokens("P --style vqa2"), num_tokens("'vqa2: P'"));
}

TEST_F(Generate, BenchmarksRunInAnyFolderAndSayWhatToChange) {
  const std::string run = "( cd " + path("data") + " && " + std::getenv("MOLMO_BINARY") + " bench ";
  for (const std::string benchmark :
       {"tokenizer --mib 0.05 --repeats 1", "preprocess --width 64 --height 64 --repeats 1"}) {
    const Outcome outcome = run_command(run + benchmark + " )");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
  const Outcome decode = run_command(run + "decode --shape tiny --rows 2 --new-tokens 1 --repeats 1 --json )");
  EXPECT_GT(parse_json(decode.out, "decode").at("decode_tokens_per_s"), 0.0) << decode.err;
  const Outcome units = run_command(run + "train --shape tiny --layers 2 --tokens 300 --by-unit )");
  EXPECT_TRUE(std::regex_search(units.out, std::regex(R"(model\.transformer\.blocks\.\* +2 +[0-9.]+ +[0-9.]+\n)")))
      << units.out << units.err;
  expect_user_error(run_command(run + "train --shape tiny --by-unit --recompute )"),
                    "[bench] --by-unit with --recompute, expected one of them: a recomputed forward would count as "
                    "backward");
  const Outcome budget =
      run_command(run + "train --budget --shape molmo-7b-d --layers 2 --dtype bf16 --ranks 16 --replicas 2 --json )");
  const Json counted = parse_json(budget.out, "budget");
  EXPECT_GT(counted.at("step").at("launches"), 100) << budget.err;
  EXPECT_GT(counted.at("collectives").at("all-gather over 8 ranks").at("count"), 0);
  expect_user_error(run_command(run + "train --budget --shape tiny --gpu V100 )"),
                    "[budget] --gpu, got 'V100', expected H100-SXM, H100-PCIe, H200, B200, A100-80GB, A100-40GB");
  expect_user_error(run_command(run + "train --budget --shape tiny --ranks 4 --replicas 3 )"),
                    "[train] sharding.replicas, got 3, expected a divisor of the 4 ranks");
  expect_user_error(run_command(run + "train --shape tiny --ranks 4 )"),
                    "[bench] --gpu, --ranks, --replicas and --by-operator without --budget, expected it beside them");
  expect_user_error(
      run_command(run + "train --shape tiny --rows 4 --tokens 128 )"),
      "[bench] 2 crops make 288 image tokens a row, got --tokens 128, expected at least 290 (or --crops 0)");
  expect_user_error(
      run_command(run + "decode --shape tiny --prompt-tokens 200 )"),
      "[bench] 2 crops make 288 image tokens, got --prompt-tokens 200, expected at least 289 (or --crops 1)");
}

}  // namespace
}  // namespace molmo
