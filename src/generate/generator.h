// From pictures and formatted messages to answers, in batches.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/molmo_config.h"
#include "generate/greedy.h"
#include "preprocess/processor.h"

namespace molmo::generate {

/// A model folder in memory: everything that generation and evaluation need.
struct LoadedModel {
  config::MolmoConfig config;
  std::unique_ptr<model::Molmo> molmo;
  text::MolmoTokenizer tokenizer;
  std::string fingerprint;  ///< names, sizes and times of the weight files: tells one set of weights from another
};

/// Loads a model folder (molmo.json or config.json, *.safetensors, tokenizer). Errors name the file.
LoadedModel load_model(const std::filesystem::path& folder, at::Device device);

/// One question. `messages` are formatted strings (user, assistant, user, ...), the last one a user's.
struct Request {
  std::vector<image::Picture> images;
  std::vector<std::string> messages;
};

struct Answer {
  std::string text;
  std::vector<int64_t> tokens;
  double log_prob = 0.0;
  int64_t num_prompt_tokens = 0, num_image_tokens = 0;
};

class Generator {
 public:
  Generator(const LoadedModel& model, const model::ForwardOptions& forward);

  /// Answers all requests in one right-padded batch, in order.
  std::vector<Answer> operator()(std::span<const Request> requests, int64_t max_new_tokens) const;

  /// The same for examples that were preprocessed before.
  std::vector<Answer> operator()(std::span<const preprocess::Example> examples, int64_t max_new_tokens,
                                 const TokenCallback& on_token = {}) const;

  preprocess::Example preprocess(const Request& request) const;

 private:
  const LoadedModel& model_;
  model::ForwardOptions forward_;
  preprocess::Processor processor_;
};

}  // namespace molmo::generate
