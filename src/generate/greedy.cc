// SPDX-License-Identifier: Apache-2.0
#include "generate/greedy.h"

#include <limits>

#include "base/check.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::generate {
namespace {

constexpr float kBlocked = std::numeric_limits<float>::lowest();  // PARITY: no renormalisation, no infinity

// Tokens that would complete an n-gram which `tokens` already holds.
std::vector<int64_t> repeated_ngram_tokens(const std::vector<int64_t>& tokens, size_t n) {
  std::vector<int64_t> blocked;
  if (tokens.size() + 1 < n) return blocked;
  const size_t prefix = n - 1;  // the last n-1 tokens start the n-gram
  for (size_t begin = 0; begin + n <= tokens.size(); ++begin) {
    if (std::equal(tokens.begin() + begin, tokens.begin() + begin + prefix, tokens.end() - prefix)) {
      blocked.push_back(tokens[begin + prefix]);
    }
  }
  return blocked;
}

// The state of one decoding loop.
class GreedyLoop {
 public:
  GreedyLoop(const model::Molmo& molmo, const DecodeOptions& options, const model::ForwardOptions& forward, int64_t rows)
      : molmo_(molmo), options_(options), forward_(forward), ended_(rows, false) {
    result_.tokens.resize(rows);
    result_.log_probs.resize(rows, 0.0);
  }

  // Chooses one token per row from the hidden states of the last tokens; returns them [B, 1].
  Tensor choose(const Tensor& hidden, const TokenCallback& on_token) {
    const Tensor logits = molmo_.logits(hidden, forward_).to(at::kFloat);  // [B, V]
    tap("generate.step_logits", logits);
    ++result_.num_passes;
    const Tensor log_probs = at::log_softmax(logits, -1).cpu().contiguous();  // [B, V]
    std::vector<int64_t> chosen(ended_.size(), options_.eos);
    for (size_t row = 0; row < ended_.size(); ++row) {
      if (!ended_[row]) chosen[row] = choose_row(log_probs.select(0, static_cast<int64_t>(row)), row, on_token);
    }
    return at::tensor(chosen, at::kLong).to(hidden.device()).unsqueeze(1);
  }

  bool all_ended() const { return std::find(ended_.begin(), ended_.end(), false) == ended_.end(); }
  DecodeResult take() { return std::move(result_); }

 private:
  int64_t choose_row(Tensor scores, size_t row, const TokenCallback& on_token) {
    std::vector<int64_t>& tokens = result_.tokens[row];
    if (options_.block_ngram) {
      for (const int64_t token : repeated_ngram_tokens(tokens, static_cast<size_t>(*options_.block_ngram))) scores[token] = kBlocked;
    }
    const bool may_end = static_cast<int64_t>(tokens.size()) >= options_.min_new_tokens;
    if (!may_end && options_.eos >= 0) scores[options_.eos] = kBlocked;
    const int64_t token = scores.argmax().item<int64_t>();
    result_.log_probs[row] += scores[token].item<double>();
    tokens.push_back(token);
    ended_[row] = token == options_.eos;
    if (on_token) on_token(row, token);
    return token;
  }

  const model::Molmo& molmo_;
  const DecodeOptions& options_;
  const model::ForwardOptions& forward_;
  std::vector<bool> ended_;
  DecodeResult result_;
};

void expect_room(const model::Molmo& molmo, const Tensor& lengths, int64_t max_new_tokens) {
  MOLMO_CHECK(lengths.min().item<int64_t>() > 0, "a row without tokens");
  const int64_t longest = lengths.max().item<int64_t>(), limit = molmo.config().decoder.max_positions;
  if (longest + max_new_tokens > limit) {
    throw Error(fmt::format("[generate] prompt of {} tokens (image included) and {} new ones, got {} in total, expected at most {}",
                            longest, max_new_tokens, longest + max_new_tokens, limit));
  }
}

}  // namespace

DecodeResult decode_greedy(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                           const model::ForwardOptions& forward, const TokenCallback& on_token) {
  const at::NoGradGuard no_grad;
  const Tensor lengths = (inputs.input_ids != -1).sum(1);  // [B]
  expect_room(molmo, lengths, options.max_new_tokens);
  const int64_t rows = inputs.input_ids.size(0), prompt = inputs.input_ids.size(1);
  model::KvCache cache(molmo.config().decoder, rows, prompt + options.max_new_tokens,
                       at::TensorOptions().dtype(forward.compute).device(inputs.input_ids.device()));
  GreedyLoop loop(molmo, options, forward, rows);

  const Tensor hidden = molmo.hidden_states(inputs, &cache, forward);                           // [B, S, D]
  const Tensor last = (lengths - 1).view({rows, 1, 1}).expand({rows, 1, hidden.size(2)});       // [B, 1, D]
  Tensor next = loop.choose(hidden.gather(1, last).squeeze(1), on_token);                       // [B, 1]
  if (loop.all_ended()) return loop.take();  // PARITY: even where ranks are kept in step
  // Right-padded rows continue at their own next position, behind the padding slots of the cache.
  Tensor positions = inputs.position_ids.defined() ? inputs.position_ids.amax(1, /*keepdim=*/true) + 1 : lengths.unsqueeze(1);
  for (int64_t step = 1; step < options.max_new_tokens && !(options.stop_early && loop.all_ended()); ++step) {
    model::ModelInputs token;
    token.input_ids = next;
    token.position_ids = positions;
    next = loop.choose(molmo.hidden_states(token, &cache, forward).squeeze(1), on_token);
    positions = positions + 1;
  }
  return loop.take();
}

}  // namespace molmo::generate
