// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iostream>
#include <map>

#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/words.h"
#include "commands/answers.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "commands/requests.h"
#include "commands/standard_input.h"
#include "data/styles.h"
#include "image/encode.h"
#include "image/picture_loader.h"
#include "molmo/error.h"
#include "molmo/molmo.h"

namespace molmo::commands {
namespace {

constexpr const char* kExamples = R"(
Examples:
  molmo generate --model M --image dog.jpg "Point to the dog." --points out.png
  molmo generate --model M --image *.jpg "Describe this image."       each image by itself
  molmo generate --model M --image a.jpg b.jpg --combine together "What has changed?"
  molmo generate --model M --image a.jpg -- "-5 + 3?"                 after --, every word is a prompt
  echo '{"image": "a.jpg", "prompt": "Count the cats."}' | molmo generate --model M --requests -
)";

struct GenerateCommandOptions {
  std::string model;
  RequestOptions requests;
  std::string points;
  GenerateOptions generate;
  ComputeOptions compute;
  PictureOptions pictures;
  int batch_size = 8;
  bool json = false, stream = false;
};

// Decodes pictures; one that several requests of a batch are about once, and that of standard input once in all.
class Pictures {
 public:
  explicit Pictures(const DecodeLimits& limits) : limits_(limits) {}

  const Image& get(const std::string& path) {
    const auto found = images_.find(path);
    return found != images_.end() ? found->second : images_.emplace(path, load(path)).first->second;
  }
  void end_batch() {
    std::erase_if(images_, [](const auto& entry) { return entry.first != kStandardInput; });
  }

 private:
  Image load(const std::string& path) const {
    Image image = path == kStandardInput ? decode_standard_input() : Image::load(path, limits_);
    if (image.num_transparent > 0) {
      log_warning(fmt::format("[image] {}: {}", path,
                              image::describe_hidden_colors(image.num_transparent, std::ssize(image.pixels) / 3)));
    }
    return image;
  }
  Image decode_standard_input() const {
    const std::string bytes = read_standard_input();
    return Image::decode({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "standard input", limits_);
  }

  DecodeLimits limits_;
  std::map<std::string, Image> images_;
};

std::vector<Prompt> make_prompts(std::span<const Request> requests, Pictures& pictures) {
  std::vector<Prompt> prompts;
  for (const Request& request : requests) {
    Prompt& prompt = prompts.emplace_back(Prompt{.text = request.prompt, .images = {}, .style = request.style});
    for (const std::string& image : request.images) prompt.images.push_back(pictures.get(image));
  }
  return prompts;
}

// What would otherwise fail only when the model is loaded or the answers are there.
void expect_sensible(const GenerateCommandOptions& options) {
  const bool has_requests = !options.requests.requests_file.empty();
  if (options.stream && (options.generate.num_beams > 1 || options.json || has_requests))
    throw Error("[generate] --stream with --beams, --json or --requests, expected plain text of one sequence");
  if (has_requests && !(options.requests.images.empty() && options.requests.words.empty() &&
                        options.requests.prompts_file.empty() && options.requests.combine.empty())) {
    throw Error("[generate] --requests with images, prompts or --combine, expected each request to say what it asks");
  }
  check_options(options.generate);
  data::expect_known_style(options.requests.style);
  if (!options.points.empty()) image::expect_writable_picture(options.points);
}

void run_generate(const GenerateCommandOptions& options) {
  expect_single_process(cli::kGenerate.name);
  expect_sensible(options);
  RequestQueue requests(options.requests);
  if (!options.points.empty() && !requests.have_pictures())
    throw Error("[generate] --points without a picture, expected --image");
  const Model model(
      options.model,
      {.device = options.compute.device, .dtype = options.compute.dtype, .num_threads = options.compute.threads});
  AnswerPrinter printer({.json = options.json || !options.requests.requests_file.empty(),
                         .stream = options.stream,
                         .points = options.points,
                         .are_several = requests.are_several()});
  Pictures pictures(options.pictures.limits);
  GenerateOptions generate = options.generate;
  const size_t batch_size = options.stream ? 1 : static_cast<size_t>(options.batch_size);
  const TextCallback show = [](size_t, const std::string& text) { std::cout << text << std::flush; };
  for (;;) {
    const std::vector<Request> batch = requests.next(batch_size);
    if (batch.empty()) return;
    const std::vector<Prompt> prompts = make_prompts(batch, pictures);
    if (options.stream) printer.begin(batch.front());
    const std::vector<Answer> answers = model.generate(prompts, generate, options.stream ? show : nullptr);
    for (size_t i = 0; i < batch.size(); ++i) printer.print(batch[i], prompts[i], answers[i]);
    generate.first_prompt += batch.size();  // samples do not depend on how prompts are batched
    pictures.end_batch();
  }
}

void add_request_options(cli::Command& command, GenerateCommandOptions& options) {
  RequestOptions& o = options.requests;
  command.option("PROMPT", o.words,
                 "the prompt, or - to read it from standard input; words that name files are further images");
  command.option("--image", o.images, "image, several images, or - for standard input; none: text only")
      .one_value_each();
  command.option("--prompts", o.prompts_file, "file of prompts, one a line (- for standard input)");
  command.option("--requests", o.requests_file,
                 R"(file (- for standard input) of JSON lines, {"image": ..., "prompt": ...}; answers in JSON)");
  command
      .option("--combine", o.combine,
              "several images: in pairs with as many prompts, cross (each prompt about each image), or together in "
              "every prompt; default: pairs where the numbers agree, else cross")
      .one_of({"pairs", "cross", "together"});
  o.style = "demo";
  command.option("--style", o.style, "prompt style tag, one of those below; demo: no tag");
}

void add_decoding_options(cli::Command& command, GenerateOptions& o) {
  command.option("--max-new-tokens", o.max_new_tokens, "maximum length of an answer in tokens").within(1, 1 << 20);
  command.option("--min-new-tokens", o.min_new_tokens, "minimum length of an answer in tokens").within(0, 1 << 20);
  command.option("--temperature", o.temperature, "sampling temperature; 0: greedy").between(0.0, 100.0);
  command.option("--top-k", o.top_k, "sample among the k most probable tokens").within(1, 1 << 24);
  command.option("--top-p", o.top_p, "nucleus (top-p) sampling threshold").between(0.0, 1.0);
  command.option("--seed", o.seed, "sampling seed");
  command.option("--beams", o.num_beams, "number of beams; 1: no beam search").within(1, 1024);
  command.option("--length-penalty", o.length_penalty, "beams are ranked by log-prob / length^penalty");
  command.option("--block-ngram", o.block_ngram, "let no n-gram of this length repeat in an answer").within(1, 1024);
  command.flag("--batch-invariant", o.batch_invariant,
               "bitwise identical regardless of batch contents (runs one prompt at a time)");
  command.option("--stop", o.stop, "stop text: the answer ends before it (repeatable)").one_value_each();
}

}  // namespace

void add_generate(cli::Command& app) {
  auto options = std::make_shared<GenerateCommandOptions>();
  cli::Command command = app.subcommand(cli::kGenerate.name, cli::kGenerate.description);
  command.option("--model", options->model, "model folder, run folder, or Hugging Face model id").required();
  add_request_options(command, *options);
  command.option("--points", options->points, "draw the answer's points on the image and write it here (.png or .jpg)");
  add_decoding_options(command, options->generate);
  command.option("--batch-size", options->batch_size, "batch size in prompts").within(1, 4096);
  command.flag("--json", options->json, "print one JSON object per answer, with points in pixels and percent");
  command.flag("--stream", options->stream, "print each answer as it is generated, one prompt at a time");
  options->compute.add_to(command);
  options->pictures.add_to(command);
  command.footer(kExamples + ("\nStyles: " + join_text(data::known_styles(), ", ") + "\n"));
  command.acts([options](int argc, char** argv) {
    options->requests.num_plain_words = cli::num_words_after_dashes(argc, argv);
    return run_generate(*options), 0;
  });
}

}  // namespace molmo::commands
