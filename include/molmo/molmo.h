// The library: load a model, ask about pictures, get text and points. Free of LibTorch's headers.
//
//   const molmo::Model model("path/to/folder");
//   const molmo::Image image = molmo::Image::load("dogs.jpg");
//   const molmo::Answer answer = model.generate({.text = "Point to the dogs.", .images = {image}});
//   for (const molmo::Point& point : answer.points) std::printf("%g %g\n", point.x, point.y);
//
// Every function throws molmo::Error (molmo/error.h) for what a user can mend. A Model may be used by one thread at a
// time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#if __cplusplus < 202002L
#error "molmo/molmo.h needs C++20: compile with -std=c++20 or later"
#endif

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "molmo/decode_limits.h"
#include "molmo/finish_reason.h"

namespace molmo {

/// A picture: 8-bit RGB, row by row.
struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  ///< [height, width, 3]
  int64_t num_transparent = 0;  ///< pixels that the file hides under an alpha of 0: the model sees their colors

  /// JPEG, PNG, WebP, BMP, TIFF, GIF or PNM, turned upright. Error for what needs more than the limits.
  static Image load(const std::filesystem::path& path, const DecodeLimits& limits = {});
  /// The same of a file's content; `name` stands for it in errors.
  static Image decode(std::span<const uint8_t> bytes, const std::string& name, const DecodeLimits& limits = {});
  /// By the file's extension: .png, .jpg.
  void save(const std::filesystem::path& path) const;
};

struct ModelOptions {
  std::string device = "auto";  ///< auto, cpu, cuda, cuda:N
  std::string dtype = "fp32";   ///< of matrix products: fp32, bf16, or auto (bf16 where the device is fast at it)
  int num_threads = 0;          ///< of one operator; 0: all
};

/// One question. Several pictures stand before the text, in order.
struct Prompt {
  std::string text;
  std::vector<Image> images;
  std::string style = "demo";  ///< style tag of the prompt, one of prompt_styles(); "demo": no tag
};

/// The style tags that models are trained with: those of the released models and of own data (docs/cli.md).
std::vector<std::string> prompt_styles();

struct GenerateOptions {
  int64_t max_new_tokens = 256, min_new_tokens = 0;
  double temperature = 0.0;  ///< 0: the most probable token
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  uint64_t seed = 0;
  size_t first_prompt = 0;  ///< number of the first prompt: a prompt's draws depend on the seed and its number alone
  int64_t num_beams = 1;
  std::optional<double> length_penalty;  ///< beams are ranked by log-prob / length^penalty
  std::optional<int64_t> block_ngram;    ///< no n-gram of this length repeats
  bool batch_invariant = false;          ///< the same bits whatever else is in the batch, at the price of its speed
  std::vector<std::string> stop;         ///< texts that end an answer and are not part of it
};

/// Error for what cannot go together, as `generate` would throw it.
void check_options(const GenerateOptions& options);

/// A place in the first picture of the prompt.
struct Point {
  double x = 0.0, y = 0.0;                  ///< pixels
  double x_percent = 0.0, y_percent = 0.0;  ///< of width and height
  std::string label;                        ///< what the answer calls it (the alt text of its tag); may be empty
};

struct Answer {
  std::string text;  ///< without white space before the first word: models begin every answer with a blank
  FinishReason finish_reason = FinishReason::kLength;
  std::vector<Point> points;  ///< all that the text names, in order
  double log_prob = 0.0;      ///< sum over the tokens
  int64_t num_prompt_tokens = 0, num_image_tokens = 0, num_new_tokens = 0;

  struct Other {
    std::string text;
    double log_prob = 0.0, score = 0.0;  ///< `score`: after the length penalty
  };
  std::vector<Other> others;  ///< the other beams, best first
};

/// Called with (index of the prompt, text) whenever text became final: the pieces make Answer::text. Not for beams.
using TextCallback = std::function<void(size_t prompt, const std::string& text)>;

class Model {
 public:
  /// Loads a model folder (molmo.json or config.json, weights, tokenizer), the newest step of a run folder, or an id of
  /// the Hugging Face hub ("org/name"), which is downloaded once.
  explicit Model(const std::filesystem::path& folder, const ModelOptions& options = {});
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  Answer generate(const Prompt& prompt, const GenerateOptions& options = {}, const TextCallback& on_text = {}) const;
  /// All prompts in one batch: faster than one by one, with the same answers.
  std::vector<Answer> generate(std::span<const Prompt> prompts, const GenerateOptions& options = {},
                               const TextCallback& on_text = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A copy of `image` with numbered marks on the points; the label stands in a strip that is added below the picture.
Image draw_points(const Image& image, const std::vector<Point>& points, const std::string& label);

}  // namespace molmo
