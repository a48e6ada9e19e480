// SPDX-License-Identifier: Apache-2.0
#include "generate/generator.h"

#include <fmt/ranges.h>

#include <atomic>
#include <set>

#include "base/log.h"
#include "config/model_files.h"
#include "generate/text_stream.h"
#include "model/weights.h"
#include "preprocess/collate.h"
#include "tensor/ops.h"

namespace molmo::generate {

namespace {

// Everything in the folder that decides about answers and is not in the config.
std::string files_fingerprint(const std::filesystem::path& folder, const std::string& tokenizer_file) {
  static const std::set<std::string> kWeights = {".safetensors", ".pt", ".bin"};
  std::set<std::string> lines;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!kWeights.contains(entry.path().extension().string()) && name != tokenizer_file) continue;
    lines.insert(fmt::format("{}:{}:{}", name, entry.file_size(), entry.last_write_time().time_since_epoch().count()));
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

// Whether all rows begin with the same pictures, at the start of the text.
bool share_pictures(std::span<const preprocess::Example> examples) {
  const preprocess::Example& first = examples[0];
  if (examples.size() < 2 || first.images.empty()) return false;
  const auto prefix = static_cast<ptrdiff_t>(1 + first.num_image_tokens);
  if (static_cast<ptrdiff_t>(first.input_tokens.size()) <= prefix) return false;
  for (const preprocess::ImageInputs& image : first.images) {  // a placeholder in the text puts them elsewhere
    if (std::any_of(image.token_positions.begin(), image.token_positions.end(),
                    [&](int64_t at) { return at >= prefix; }))
      return false;
  }
  return std::all_of(examples.begin() + 1, examples.end(), [&](const preprocess::Example& other) {
    if (other.images.size() != first.images.size() || static_cast<ptrdiff_t>(other.input_tokens.size()) <= prefix)
      return false;
    if (!std::equal(first.input_tokens.begin(), first.input_tokens.begin() + prefix, other.input_tokens.begin()))
      return false;
    return std::equal(first.images.begin(), first.images.end(), other.images.begin(), [](const auto& a, const auto& b) {
      return a.patches == b.patches && a.byte_patches == b.byte_patches && a.masks == b.masks &&
             a.token_positions == b.token_positions;
    });
  });
}

}  // namespace

LoadedModel load_model(const std::filesystem::path& folder, at::Device device, at::ScalarType compute) {
  LoadedModel loaded;
  loaded.config = config::read_model_config(folder);
  const auto molmo = std::make_shared<model::Molmo>(loaded.config.model);
  model::load_weights(molmo->params(), loaded.config.model, folder, model::place_params(device, compute));
  loaded.molmo = molmo;
  loaded.tokenizer = text::load_tokenizer(folder, loaded.config.tokenizer);
  text::expect_vocabulary(loaded.tokenizer, (folder / loaded.config.tokenizer.file).string(),
                          loaded.config.model.decoder.vocab_size);
  loaded.fingerprint = files_fingerprint(folder, loaded.config.tokenizer.file);
  return loaded;
}

Generator::Generator(const LoadedModel& model, const model::ForwardOptions& forward)
    : model_(model),
      forward_(forward),
      processor_(model.config.preprocess, model.config.prompt.annotation_weighting, model.tokenizer) {}

preprocess::Example Generator::preprocess(const Request& request) const {
  static std::atomic_flag has_warned;  // one line however many prompts
  for (const std::string& message : request.messages) {
    const std::string special = model_.tokenizer.tokenizer->find_special(message);
    if (special.empty() || has_warned.test_and_set()) continue;
    log_warning(
        fmt::format("[generate] a prompt holds '{}': it is read as plain text, not as the special token", special));
  }
  const std::vector<preprocess::Conversation> conversations = {request.messages};
  return processor_(request.images, conversations);
}

std::vector<Answer> Generator::operator()(std::span<const Request> requests, const DecodeOptions& options,
                                          const TextCallback& on_text) const {
  std::vector<preprocess::Example> examples;
  for (const Request& request : requests) examples.push_back(preprocess(request));
  return (*this)(examples, options, on_text);
}

std::vector<Answer> Generator::operator()(std::span<const preprocess::Example> examples, const DecodeOptions& options,
                                          const TextCallback& on_text) const {
  if (examples.empty()) return {};
  if (options.batch_invariant && examples.size() > 1) return one_by_one(examples, options, on_text);
  DecodeOptions resolved = options;
  resolved.eos = model_.tokenizer.special.eos;
  const preprocess::CollateOptions collate{.sequence_length = model_.config.model.decoder.max_positions};
  preprocess::Batch batch;
  if (share_pictures(examples)) {
    std::vector<preprocess::Example> rows(examples.begin(), examples.end());
    for (size_t i = 1; i < rows.size(); ++i) rows[i].images.clear();
    batch = preprocess::collate(rows, collate);
    resolved.num_shared_tokens = 1 + examples[0].num_image_tokens;  // BOS
  } else {
    batch = preprocess::collate(examples, collate);
  }
  const model::ModelInputs inputs = model::make_inputs(batch, model_.molmo->device());
  std::vector<Answer> answers =
      options.beams.size > 1 ? search_rows(inputs, resolved) : decode_rows(inputs, resolved, on_text);
  for (size_t i = 0; i < examples.size(); ++i) {
    answers[i].num_prompt_tokens = static_cast<int64_t>(examples[i].input_tokens.size());
    answers[i].num_image_tokens = examples[i].num_image_tokens;
  }
  return answers;
}

std::vector<Answer> Generator::one_by_one(std::span<const preprocess::Example> examples, const DecodeOptions& options,
                                          const TextCallback& on_text) const {
  std::vector<Answer> answers;
  for (size_t row = 0; row < examples.size(); ++row) {
    DecodeOptions own = options;
    own.sampling.first_row += row;
    const auto show = [&](size_t, const std::string& text) { on_text(row, text); };
    answers.push_back(
        std::move((*this)(examples.subspan(row, 1), own, on_text ? TextCallback(show) : nullptr).front()));
  }
  return answers;
}

std::vector<Answer> Generator::decode_rows(const model::ModelInputs& inputs, const DecodeOptions& options,
                                           const TextCallback& on_text) const {
  std::vector<TextStream> streams(static_cast<size_t>(inputs.input_ids.size(0)),
                                  TextStream(model_.tokenizer.tokenizer, options.stop));
  const int64_t eos = options.eos;
  const auto show = [&](size_t row, const std::string& text) {
    if (on_text && !text.empty()) on_text(row, text);
  };
  const DecodeResult result = decode(*model_.molmo, inputs, options, forward_, [&](size_t row, int64_t token) {
    show(row, token == eos ? streams[row].finish() : streams[row].push(token));
    return !streams[row].has_stopped();
  });
  std::vector<Answer> answers;
  for (size_t row = 0; row < streams.size(); ++row) {
    show(row, streams[row].finish());
    answers.push_back(make_answer(result.tokens[row], result.log_probs[row], options));
  }
  return answers;
}

std::vector<Answer> Generator::search_rows(const model::ModelInputs& inputs, const DecodeOptions& options) const {
  std::vector<Answer> answers;
  for (const std::vector<Beam>& beams : search_beams(*model_.molmo, inputs, options, forward_).rows) {
    Answer& answer = answers.emplace_back(make_answer(beams[0].tokens, beams[0].log_prob, options));
    for (size_t i = 1; i < beams.size(); ++i)
      answer.others.push_back(
          {make_answer(beams[i].tokens, beams[i].log_prob, options).text, beams[i].log_prob, beams[i].score});
  }
  return answers;
}

Answer Generator::make_answer(std::vector<int64_t> tokens, double log_prob, const DecodeOptions& options) const {
  const bool has_ended = !tokens.empty() && tokens.back() == options.eos;
  Answer answer;
  answer.text = model_.tokenizer.decode_answer(tokens);
  answer.tokens = std::move(tokens);
  answer.log_prob = log_prob;
  answer.finish_reason = has_ended ? FinishReason::kStop : FinishReason::kLength;
  for (const std::string& stop : options.stop) {
    const size_t end = answer.text.find(stop);
    if (end == std::string::npos) continue;
    answer.text.resize(end);
    answer.finish_reason = FinishReason::kStopText;
  }
  return answer;
}

}  // namespace molmo::generate
