// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

#include "base/json.h"
#include "cli/app.h"
#include "cli/options.h"
#include "data/points.h"
#include "data/prompt_formatter.h"
#include "generate/generator.h"
#include "image/decode.h"
#include "image/draw.h"
#include "image/encode.h"
#include "model/model_folder.h"
#include "molmo/error.h"

namespace molmo::cli {
namespace {

struct GenerateOptions {
  std::string model;
  std::vector<std::string> images, prompts;
  std::string points, style = "demo";
  int64_t max_new_tokens = 256;
  int batch_size = 8;
  bool json = false;
  ComputeOptions compute;
};

// One picture and one prompt.
struct Item {
  std::string image_path, prompt;
  std::optional<image::Picture> picture;
  generate::Request request;
};

// Every picture with every prompt, or, where there are as many of both, in pairs.
std::vector<std::pair<std::string, std::string>> pair_up(const GenerateOptions& options) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (options.images.empty()) {
    for (const std::string& prompt : options.prompts) pairs.emplace_back("", prompt);
  } else if (options.images.size() == options.prompts.size()) {
    for (size_t i = 0; i < options.images.size(); ++i) pairs.emplace_back(options.images[i], options.prompts[i]);
  } else {
    for (const std::string& image : options.images) {
      for (const std::string& prompt : options.prompts) pairs.emplace_back(image, prompt);
    }
  }
  return pairs;
}

std::vector<Item> make_items(const GenerateOptions& options, const config::PromptConfig& prompts) {
  const data::PromptFormatter format(prompts);
  std::vector<Item> items;
  for (const auto& [path, prompt] : pair_up(options)) {
    Item item{.image_path = path, .prompt = prompt, .picture = {}, .request = {}};
    if (!path.empty()) item.picture = image::load_picture(path);
    data::DataExample example;
    data::Message& message = example.messages.emplace_back();
    message.style = options.style;
    message.question = prompt;
    RandomState random(0);  // a question of the user's own draws no template
    const data::ImageSize size = item.picture ? data::ImageSize{item.picture->width, item.picture->height} : data::ImageSize{};
    item.request.messages = format(example, size, /*for_inference=*/true, random).conversations.front();
    if (item.picture) item.request.images.push_back(*item.picture);
    items.push_back(std::move(item));
  }
  return items;
}

Json points_json(const std::vector<data::Point>& points, const image::Picture& picture) {
  Json list = Json::array();
  for (const data::Point& point : points) {
    list.push_back({{"x", point[0]}, {"y", point[1]}, {"x_percent", 100.0 * point[0] / picture.width}, {"y_percent", 100.0 * point[1] / picture.height}});
  }
  return list;
}

// "out.png" for the only item, "out-2.png" for the second of several.
std::filesystem::path numbered(const std::filesystem::path& path, size_t index, size_t count) {
  if (count == 1) return path;
  return path.parent_path() / fmt::format("{}-{}{}", path.stem().string(), index + 1, path.extension().string());
}

void print_item(const GenerateOptions& options, const Item& item, const generate::Answer& answer, size_t index, size_t count) {
  std::vector<data::Point> points;
  if (item.picture) points = data::extract_points(answer.text, {item.picture->width, item.picture->height});
  if (!options.points.empty() && item.picture) {
    image::PointGroup group{.label = item.prompt, .points = {}};
    for (const data::Point& point : points) group.points.push_back({point[0], point[1]});
    image::save_picture(numbered(options.points, index, count), image::draw_points(*item.picture, std::span(&group, 1)));
  }
  if (!options.json) {
    std::cout << answer.text << "\n";
    return;
  }
  Json line{{"image", item.image_path}, {"prompt", item.prompt}, {"text", answer.text}, {"log_prob", answer.log_prob},
            {"num_prompt_tokens", answer.num_prompt_tokens}, {"num_image_tokens", answer.num_image_tokens},
            {"num_new_tokens", answer.tokens.size()}};
  if (item.picture) line["points"] = points_json(points, *item.picture);
  std::cout << format_json_line(line) << "\n";
}

// What would otherwise fail only when the answers are there.
void expect_points_can_be_drawn(const GenerateOptions& options) {
  if (options.points.empty()) return;
  if (options.images.empty()) throw Error("[generate] --points without a picture, expected --image");
  image::expect_writable_picture(options.points);
}

void run_generate(const GenerateOptions& options) {
  expect_points_can_be_drawn(options);
  const at::Device device = options.compute.open();
  const generate::LoadedModel model = generate::load_model(model::resolve_model_folder(options.model), device);
  model::ForwardOptions forward;
  forward.compute = options.compute.compute(device);
  const generate::Generator generator(model, forward);
  const std::vector<Item> items = make_items(options, model.config.prompt);
  for (size_t begin = 0; begin < items.size(); begin += static_cast<size_t>(options.batch_size)) {
    const size_t end = std::min(items.size(), begin + static_cast<size_t>(options.batch_size));
    std::vector<generate::Request> requests;
    for (size_t i = begin; i < end; ++i) requests.push_back(items[i].request);
    const std::vector<generate::Answer> answers = generator(requests, options.max_new_tokens);
    for (size_t i = begin; i < end; ++i) print_item(options, items[i], answers[i - begin], i, items.size());
  }
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "answer, caption, count or point; prints the text");
  command->add_option("--model", options->model, "model folder or run folder")->required();
  command->add_option("--image", options->images, "picture (repeatable); without one the prompt is text only")->allow_extra_args(false);
  command->add_option("PROMPT", options->prompts, "prompt (several: paired with the pictures, or each with every picture)")->required();
  command->add_option("--points", options->points, "draw the answer's points on the picture and write it here (.png or .jpg)");
  command->add_option("--style", options->style, "style tag of the prompt; 'demo' writes none")->capture_default_str();
  command->add_option("--max-new-tokens", options->max_new_tokens, "longest answer in tokens")->check(CLI::Range(1, 1 << 20))->capture_default_str();
  command->add_option("--batch-size", options->batch_size, "prompts answered at a time")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_flag("--json", options->json, "print one JSON object per answer, with points in pixels and percent");
  options->compute.add_to(*command);
  command->callback([options, &action] { action = [options] { run_generate(*options); }; });
}

}  // namespace molmo::cli
