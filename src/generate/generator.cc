// SPDX-License-Identifier: Apache-2.0
#include "generate/generator.h"

#include <fmt/ranges.h>

#include <set>

#include "model/model_folder.h"
#include "model/weights.h"
#include "preprocess/collate.h"
#include "tensor/ops.h"

namespace molmo::generate {

namespace {

std::string weights_fingerprint(const std::filesystem::path& folder) {
  std::set<std::string> lines;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    lines.insert(fmt::format("{}:{}:{}", entry.path().filename().string(), entry.file_size(), entry.last_write_time().time_since_epoch().count()));
  }
  return fmt::format("{}", fmt::join(lines, " "));
}

}  // namespace

LoadedModel load_model(const std::filesystem::path& folder, at::Device device) {
  LoadedModel loaded;
  loaded.config = model::read_model_config(folder);
  loaded.molmo = std::make_unique<model::Molmo>(loaded.config.model);
  model::load_weights(loaded.molmo->params(), folder);
  for (Parameter& param : loaded.molmo->params().all()) param.value = param.value.to(device);
  loaded.tokenizer = text::load_tokenizer(folder, loaded.config.tokenizer);
  text::expect_vocabulary(loaded.tokenizer, (folder / loaded.config.tokenizer.file).string(), loaded.config.model.decoder.vocab_size);
  loaded.fingerprint = weights_fingerprint(folder);
  return loaded;
}

Generator::Generator(const LoadedModel& model, const model::ForwardOptions& forward)
    : model_(model),
      forward_(forward),
      processor_(model.config.preprocess, model.config.prompt.annotation_weighting, model.tokenizer) {}

preprocess::Example Generator::preprocess(const Request& request) const {
  const std::vector<preprocess::Conversation> conversations = {request.messages};
  return processor_(request.images, conversations);
}

std::vector<Answer> Generator::operator()(std::span<const Request> requests, int64_t max_new_tokens) const {
  std::vector<preprocess::Example> examples;
  for (const Request& request : requests) examples.push_back(preprocess(request));
  return (*this)(examples, max_new_tokens);
}

std::vector<Answer> Generator::operator()(std::span<const preprocess::Example> examples, int64_t max_new_tokens,
                                          const TokenCallback& on_token) const {
  if (examples.empty()) return {};
  const preprocess::Batch batch = preprocess::collate(examples, {.sequence_length = model_.config.model.decoder.max_positions});
  const model::ModelInputs inputs = model::make_inputs(batch, model_.molmo->device());
  DecodeOptions options;
  options.max_new_tokens = max_new_tokens;
  options.eos = model_.tokenizer.special.eos;
  const DecodeResult result = decode_greedy(*model_.molmo, inputs, options, forward_, on_token);
  std::vector<Answer> answers;
  for (size_t i = 0; i < examples.size(); ++i) {
    answers.push_back({.text = model_.tokenizer.decode_answer(result.tokens[i]),
                       .tokens = result.tokens[i],
                       .log_prob = result.log_probs[i],
                       .num_prompt_tokens = static_cast<int64_t>(examples[i].input_tokens.size()),
                       .num_image_tokens = examples[i].num_image_tokens});
  }
  return answers;
}

}  // namespace molmo::generate
