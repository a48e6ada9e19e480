// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/log.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "image/encode.h"
#include "image/picture_loader.h"
#include "molmo/error.h"
#include "molmo/molmo.h"

namespace molmo::commands {
namespace {

struct GenerateCommandOptions {
  std::string model;
  std::vector<std::string> images, prompts;
  std::string points, style = "demo";
  GenerateOptions generate;
  ComputeOptions compute;
  PictureOptions pictures;
  int batch_size = 8;
  bool json = false, stream = false;
};

// One picture (or none) and one prompt.
struct Item {
  std::string image, prompt;
};

// Every picture with every prompt, or, where there are as many of both, in pairs.
std::vector<Item> make_items(const GenerateCommandOptions& options) {
  std::vector<Item> items;
  if (options.images.size() == options.prompts.size()) {
    for (size_t i = 0; i < options.images.size(); ++i) items.push_back({options.images[i], options.prompts[i]});
    return items;
  }
  const std::vector<std::string> images = options.images.empty() ? std::vector<std::string>{""} : options.images;
  for (const std::string& image : images) {
    for (const std::string& prompt : options.prompts) items.push_back({image, prompt});
  }
  return items;
}

Image load_image(const std::string& path, const DecodeLimits& limits) {
  Image image = Image::load(path, limits);
  if (image.num_transparent > 0)
    log_warning(fmt::format("[image] {}: {}", path,
                            image::describe_hidden_colors(image.num_transparent, std::ssize(image.pixels) / 3)));
  return image;
}

// Prompts of a batch; a picture that several of them are about is decoded once.
std::vector<Prompt> make_prompts(const GenerateCommandOptions& options, std::span<const Item> items) {
  std::map<std::string, Image> pictures;
  std::vector<Prompt> prompts;
  for (const Item& item : items) {
    Prompt& prompt = prompts.emplace_back(Prompt{.text = item.prompt, .images = {}, .style = options.style});
    if (item.image.empty()) continue;
    if (!pictures.contains(item.image)) pictures.emplace(item.image, load_image(item.image, options.pictures.limits));
    prompt.images.push_back(pictures.at(item.image));
  }
  return prompts;
}

Json answer_json(const Item& item, const Answer& answer) {
  Json line{{"image", item.image},
            {"prompt", item.prompt},
            {"text", answer.text},
            {"log_prob", answer.log_prob},
            {"num_prompt_tokens", answer.num_prompt_tokens},
            {"num_image_tokens", answer.num_image_tokens},
            {"num_new_tokens", answer.num_new_tokens}};
  if (!item.image.empty()) {
    line["points"] = Json::array();
    for (const Point& point : answer.points)
      line["points"].push_back(
          {{"x", point.x}, {"y", point.y}, {"x_percent", point.x_percent}, {"y_percent", point.y_percent}});
  }
  for (const Answer::Other& other : answer.others)
    line["others"].push_back({{"text", other.text}, {"log_prob", other.log_prob}, {"score", other.score}});
  return line;
}

// "out.png" for the only item, "out-2.png" for the second of several.
std::filesystem::path numbered(const std::filesystem::path& path, size_t index, size_t count) {
  if (count == 1) return path;
  return path.parent_path() / fmt::format("{}-{}{}", path.stem().string(), index + 1, path.extension().string());
}

void print_item(const GenerateCommandOptions& options, const Item& item, const Prompt& prompt, const Answer& answer,
                size_t index, size_t count) {
  if (!options.points.empty() && !prompt.images.empty()) {
    draw_points(prompt.images[0], answer.points, prompt.text).save(numbered(options.points, index, count));
  }
  if (options.json) {
    std::cout << format_json_line(answer_json(item, answer)) << std::endl;
  } else {
    std::cout << (options.stream ? "" : answer.text) << std::endl;
  }
}

// What would otherwise fail only when the model is loaded or the answers are there.
void expect_sensible(const GenerateCommandOptions& options) {
  if (options.stream && (options.generate.num_beams > 1 || options.json))
    throw Error("[generate] --stream with --beams or --json, expected plain text of one sequence");
  check_options(options.generate);
  if (!options.points.empty()) {
    if (options.images.empty()) throw Error("[generate] --points without a picture, expected --image");
    image::expect_writable_picture(options.points);
  }
  for (const std::string& image : options.images) {
    if (!std::filesystem::exists(image))
      throw Error(fmt::format("[file] cannot open {}: No such file or directory", image));
  }
}

void run_generate(const GenerateCommandOptions& options) {
  expect_single_process(cli::kGenerate.name);
  expect_sensible(options);
  const Model model(
      options.model,
      {.device = options.compute.device, .dtype = options.compute.dtype, .num_threads = options.compute.threads});
  const std::vector<Item> items = make_items(options);
  const size_t batch_size = options.stream ? 1 : static_cast<size_t>(options.batch_size);
  const auto show = [](size_t, const std::string& text) { std::cout << text << std::flush; };
  for (size_t begin = 0; begin < items.size(); begin += batch_size) {
    const std::span<const Item> batch = std::span(items).subspan(begin, std::min(batch_size, items.size() - begin));
    const std::vector<Prompt> prompts = make_prompts(options, batch);
    GenerateOptions generate = options.generate;
    generate.first_prompt = begin;  // answers do not depend on how prompts are batched
    const std::vector<Answer> answers =
        model.generate(prompts, generate, options.stream ? TextCallback(show) : nullptr);
    for (size_t i = 0; i < batch.size(); ++i)
      print_item(options, batch[i], prompts[i], answers[i], begin + i, items.size());
  }
}

void add_decoding_options(cli::Command& command, GenerateOptions& o) {
  command.option("--max-new-tokens", o.max_new_tokens, "longest answer in tokens").within(1, 1 << 20);
  command.option("--min-new-tokens", o.min_new_tokens, "shortest answer in tokens").within(0, 1 << 20);
  command.option("--temperature", o.temperature, "draw tokens at this temperature; 0 takes the most probable")
      .between(0.0, 100.0);
  command.option("--top-k", o.top_k, "draw among the k most probable tokens").within(1, 1 << 24);
  command.option("--top-p", o.top_p, "draw among the fewest tokens that reach this probability").between(0.0, 1.0);
  command.option("--seed", o.seed, "of the draws");
  command.option("--beams", o.num_beams, "beam search over this many sequences").within(1, 1024);
  command.option("--length-penalty", o.length_penalty, "beams are ranked by log-prob / length^penalty");
  command.option("--block-ngram", o.block_ngram, "repeat no n-gram of this length in an answer").within(1, 1024);
  command.flag("--batch-invariant", o.batch_invariant,
               "the same bits whatever else is in the batch: prompts run one by one");
  command.option("--stop", o.stop, "end the answer before this text (repeatable)").one_value_each();
}

}  // namespace

void add_generate(cli::Command& app) {
  auto options = std::make_shared<GenerateCommandOptions>();
  cli::Command command = app.subcommand(cli::kGenerate.name, cli::kGenerate.description);
  command.option("--model", options->model, "model folder or run folder").required();
  command.option("--image", options->images, "picture (repeatable); without one the prompt is text only")
      .one_value_each();
  command.option("PROMPT", options->prompts, "prompt (several: paired with the pictures, or each with every picture)")
      .required();
  command.option("--points", options->points,
                 "draw the answer's points on the picture and write it here (.png or .jpg)");
  command.option("--style", options->style, "style tag of the prompt; 'demo' writes none");
  add_decoding_options(command, options->generate);
  command.option("--batch-size", options->batch_size, "prompts answered at a time").within(1, 4096);
  command.flag("--json", options->json, "print one JSON object per answer, with points in pixels and percent");
  command.flag("--stream", options->stream, "print the answer as it grows, one prompt at a time");
  options->compute.add_to(command);
  options->pictures.add_to(command);
  command.runs(options, run_generate);
}

}  // namespace molmo::commands
