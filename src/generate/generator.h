// From pictures and formatted messages to answers, in batches.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/molmo_config.h"
#include "generate/beam_search.h"
#include "generate/decode.h"
#include "molmo/finish_reason.h"
#include "preprocess/processor.h"

namespace molmo::generate {

/// A model folder in memory, or a model that trains: everything that generation and evaluation need.
struct LoadedModel {
  config::MolmoConfig config;
  std::shared_ptr<const model::Molmo> molmo;
  text::MolmoTokenizer tokenizer;
  std::string fingerprint;  ///< a line for each weight file and the tokenizer: name, size and time; tells models apart
};

/// Loads a model folder (molmo.json or config.json, weights, tokenizer) for passes that compute in `compute`: matrices
/// lie in that dtype, everything else in float32. Errors name the file.
LoadedModel load_model(const std::filesystem::path& folder, at::Device device, at::ScalarType compute);

/// One question. `messages` are formatted strings (user, assistant, user, ...), the last one a user's.
struct Request {
  std::vector<image::Picture> images;
  std::vector<std::string> messages;
};

struct Answer {
  std::string text;  ///< of the tokens, up to a stop text; the blank that models begin with is part of it
  std::vector<int64_t> tokens;
  FinishReason finish_reason = FinishReason::kLength;
  double log_prob = 0.0;
  int64_t num_prompt_tokens = 0, num_image_tokens = 0;
  /// The other beams, best first, where beams were asked for; `score` is after the length penalty.
  struct Other {
    std::string text;
    double log_prob = 0.0, score = 0.0;
  };
  std::vector<Other> others;
};

/// Called with (row, text) whenever text became safe to show.
using TextCallback = std::function<void(size_t row, const std::string& text)>;

class Generator {
 public:
  Generator(const LoadedModel& model, const model::ForwardOptions& forward);

  /// Answers all requests in one right-padded batch, in order. The end token is the tokenizer's.
  std::vector<Answer> operator()(std::span<const Request> requests, const DecodeOptions& options,
                                 const TextCallback& on_text = {}) const;

  /// The same for examples that were preprocessed before. Beams are not streamed.
  std::vector<Answer> operator()(std::span<const preprocess::Example> examples, const DecodeOptions& options,
                                 const TextCallback& on_text = {}) const;

  preprocess::Example preprocess(const Request& request) const;

 private:
  std::vector<Answer> one_by_one(std::span<const preprocess::Example> examples, const DecodeOptions& options,
                                 const TextCallback& on_text) const;
  std::vector<Answer> decode_rows(const model::ModelInputs& inputs, const DecodeOptions& options,
                                  const TextCallback& on_text) const;
  std::vector<Answer> search_rows(const model::ModelInputs& inputs, const DecodeOptions& options) const;
  Answer make_answer(std::vector<int64_t> tokens, double log_prob, const DecodeOptions& options) const;

  const LoadedModel& model_;
  model::ForwardOptions forward_;
  preprocess::Processor processor_;
};

}  // namespace molmo::generate
