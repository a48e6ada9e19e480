// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>

#include "data/point_reader.h"
#include "data/points.h"
#include "data/prompt_formatter.h"
#include "data/prompt_templates.h"
#include "data/styles.h"
#include "generate/generator.h"
#include "hub/find_model.h"
#include "image/decode.h"
#include "image/draw.h"
#include "image/encode.h"
#include "molmo/error.h"
#include "molmo/molmo.h"
#include "tensor/device.h"
#include "tensor/runtime.h"

namespace molmo {
namespace {

image::Picture to_picture(const Image& image) {
  if (image.width < 1 || image.height < 1 || image.pixels.size() != size_t{3} * image.width * image.height) {
    throw Error(fmt::format("[molmo] a picture of {}x{} pixels, got {} bytes, expected 3 per pixel", image.width,
                            image.height, image.pixels.size()));
  }
  image::Picture picture(image.width, image.height);
  picture.pixels = image.pixels;
  return picture;
}

Image to_image(image::Picture picture) {
  return {picture.width, picture.height, std::move(picture.pixels), picture.num_transparent};
}

generate::DecodeOptions decode_options(const GenerateOptions& o) {
  check_options(o);
  return {.max_new_tokens = o.max_new_tokens,
          .min_new_tokens = o.min_new_tokens,
          .block_ngram = o.block_ngram,
          .stop = o.stop,
          .batch_invariant = o.batch_invariant,
          .sampling = {.temperature = o.temperature,
                       .top_k = o.top_k,
                       .top_p = o.top_p,
                       .seed = o.seed,
                       .first_row = o.first_prompt},
          .beams = {.size = o.num_beams, .per_node = {}, .length_penalty = o.length_penalty}};
}

std::vector<Point> points_of(const std::string& text, const Prompt& prompt) {
  std::vector<Point> points;
  if (prompt.images.empty()) return points;
  const Image& image = prompt.images.front();
  for (data::NamedPoint& named : data::read_named_points(text, {image.width, image.height})) {
    const auto [x, y] = named.point;
    points.push_back({x, y, 100.0 * x / image.width, 100.0 * y / image.height, std::move(named.label)});
  }
  return points;
}

std::string without_leading_space(const std::string& text) {
  return text.substr(std::min(text.find_first_not_of(" \t\r\n\f\v"), text.size()));
}

// Passes on what a stream says from the first word of each answer on.
class StreamOfAnswers {
 public:
  StreamOfAnswers(const TextCallback& on_text, size_t num_prompts) : on_text_(on_text), has_begun_(num_prompts) {}

  void operator()(size_t prompt, const std::string& text) {
    const std::string shown = has_begun_[prompt] ? text : without_leading_space(text);
    if (shown.empty()) return;
    has_begun_[prompt] = true;
    on_text_(prompt, shown);
  }

 private:
  const TextCallback& on_text_;
  std::vector<bool> has_begun_;
};

// What is asked, as a message of the style. In training a tenth of the free prompts had their tag, drawn at random; who
// names the style here gets it.
data::Message message_of(const Prompt& prompt, config::SystemPrompt system_prompt) {
  data::expect_known_style(prompt.style);
  const bool is_drawn = std::find(std::begin(data::kDemoStyles), std::end(data::kDemoStyles), prompt.style) !=
                        std::end(data::kDemoStyles);
  data::Message message;
  message.style = prompt.style;
  message.prompt = prompt.text;
  if (is_drawn && system_prompt == config::SystemPrompt::kDemoOrStyle) {
    message.style = "demo";
    message.prompt = fmt::format("{}: {}", prompt.style, prompt.text);
  }
  return message;
}

}  // namespace

void check_options(const GenerateOptions& o) {
  const auto expect = [](bool holds, const char* what) {
    if (!holds) throw Error(fmt::format("[generate] {}", what));
  };
  expect(o.max_new_tokens >= 1 && o.min_new_tokens >= 0, "max_new_tokens below 1 or min_new_tokens below 0");
  expect(o.temperature == 0 || (o.temperature >= 1e-6 && o.temperature <= 100),
         "a temperature that is neither 0 nor from 1e-6 to 100");
  expect(o.num_beams >= 1, "beams below 1");
  expect(!o.length_penalty || std::isfinite(*o.length_penalty), "a length penalty that is not finite");
  expect(o.num_beams == 1 || o.temperature == 0, "beams with a temperature, expected one of them");
  expect(o.temperature > 0 || (!o.top_k && !o.top_p),
         "top-k or top-p without a temperature, expected a temperature above 0");
  expect(!o.top_k || *o.top_k >= 1, "top-k below 1");
  expect(!o.top_p || (*o.top_p > 0 && *o.top_p <= 1), "top-p outside 0 to 1");
  expect(!o.block_ngram || *o.block_ngram >= 1, "block_ngram below 1");
  expect(o.num_beams > 1 || !o.length_penalty, "a length penalty without beams, expected at least 2 beams");
  for (const std::string& stop : o.stop) expect(!stop.empty(), "an empty stop text");
}

std::vector<std::string> prompt_styles() { return data::known_styles(); }

Image Image::load(const std::filesystem::path& path, const DecodeLimits& limits) {
  return to_image(image::load_picture(path, limits));
}

Image Image::decode(std::span<const uint8_t> bytes, const std::string& name, const DecodeLimits& limits) {
  return to_image(image::decode_picture(bytes, name, limits));
}

void Image::save(const std::filesystem::path& path) const { image::save_picture(path, to_picture(*this)); }

struct Model::State {
  model::ForwardOptions forward;
  generate::LoadedModel loaded;
  data::PromptFormatter format;
  generate::Generator generator;

  State(const std::filesystem::path& folder, const at::Device& device, at::ScalarType compute)
      : forward{.compute = compute},
        loaded(generate::load_model(folder, device, compute)),
        format(loaded.config.prompt),
        generator(loaded, forward) {}

  generate::Request request(const Prompt& prompt) const {
    generate::Request request;
    data::DataExample example;
    example.messages.push_back(message_of(prompt, loaded.config.prompt.system_prompt));
    RandomState random(0);  // a question of the user's own draws no template
    const data::ImageSize size =
        prompt.images.empty() ? data::ImageSize{} : data::ImageSize{prompt.images[0].width, prompt.images[0].height};
    request.messages = format(example, size, /*for_inference=*/true, random).conversations.front();
    for (const Image& image : prompt.images) request.images.push_back(to_picture(image));
    return request;
  }
};

Model::Model(const std::filesystem::path& folder, const ModelOptions& options) {
  set_num_threads(options.num_threads);
  const at::Device device = tensor::parse_device(options.device);
  state_ = std::make_unique<State>(hub::find_model(folder.string()), device,
                                   tensor::parse_compute_type(options.dtype, device));
}

Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

Answer Model::generate(const Prompt& prompt, const GenerateOptions& options, const TextCallback& on_text) const {
  return std::move(generate(std::span(&prompt, 1), options, on_text).front());
}

std::vector<Answer> Model::generate(std::span<const Prompt> prompts, const GenerateOptions& options,
                                    const TextCallback& on_text) const {
  const generate::DecodeOptions decode = decode_options(options);
  std::vector<generate::Request> requests;
  for (const Prompt& prompt : prompts) requests.push_back(state_->request(prompt));
  std::vector<Answer> answers;
  StreamOfAnswers stream(on_text, prompts.size());
  for (generate::Answer& made :
       state_->generator(requests, decode, on_text ? TextCallback(std::ref(stream)) : nullptr)) {
    Answer& answer = answers.emplace_back();
    answer.points = points_of(made.text, prompts[answers.size() - 1]);
    answer.text = without_leading_space(made.text);
    answer.finish_reason = made.finish_reason;
    answer.log_prob = made.log_prob;
    answer.num_prompt_tokens = made.num_prompt_tokens;
    answer.num_image_tokens = made.num_image_tokens;
    answer.num_new_tokens = static_cast<int64_t>(made.tokens.size());
    for (generate::Answer::Other& other : made.others)
      answer.others.push_back({without_leading_space(other.text), other.log_prob, other.score});
  }
  return answers;
}

Image draw_points(const Image& image, const std::vector<Point>& points, const std::string& label) {
  image::PointGroup group{.label = label, .points = {}};
  for (const Point& point : points) group.points.push_back({point.x, point.y});
  return to_image(image::draw_points(to_picture(image), std::span(&group, 1)));
}

}  // namespace molmo
