// SPDX-License-Identifier: Apache-2.0
#include "generate/decode.h"

#include <algorithm>
#include <numeric>

#include "generate/constraints.h"
#include "generate/prefill.h"
#include "generate/sampler.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::generate {
namespace {

// The state of one decoding loop. Rows are those of the inputs; the batch holds the ones that are left of them.
class DecodeLoop {
 public:
  DecodeLoop(const model::Molmo& molmo, const DecodeOptions& options, const model::ForwardOptions& forward, size_t rows)
      : molmo_(molmo), options_(options), forward_(forward), ended_(rows, false), batch_(rows) {
    result_.tokens.resize(rows);
    result_.log_probs.resize(rows, 0.0);
    std::iota(batch_.begin(), batch_.end(), size_t{0});
    for (size_t row = 0; row < rows; ++row) samplers_.emplace_back(options.sampling, options.sampling.first_row + row);
  }

  // Chooses one token for each row of the batch from the hidden states of the last tokens [B, D]; returns them [B, 1].
  Tensor choose(const Tensor& hidden, const TokenCallback& on_token) {
    const Tensor logits = molmo_.logits(hidden, forward_).to(at::kFloat);  // [B, V]
    tap("generate.step_logits", logits);
    ++result_.num_passes;
    const Tensor log_probs = next_log_probs(logits);  // [B, V]
    std::vector<int64_t> chosen(batch_.size(), options_.eos);
    for (size_t i = 0; i < batch_.size(); ++i) {
      if (!ended_[batch_[i]]) chosen[i] = choose_row(log_probs.select(0, static_cast<int64_t>(i)), batch_[i], on_token);
    }
    return at::tensor(chosen, at::kLong).to(hidden.device()).unsqueeze(1);
  }

  // Takes ended rows out of the batch once they are a quarter of it: each costs as much as one that goes on, but so
  // does moving the cache. Returns the places that stay, or an undefined tensor where nothing changed.
  Tensor drop_ended() {
    const auto has_ended = [this](size_t row) { return static_cast<bool>(ended_[row]); };
    const auto num_ended = std::count_if(batch_.begin(), batch_.end(), has_ended);
    if (4 * static_cast<size_t>(num_ended) < batch_.size()) return {};
    std::vector<int64_t> kept;
    for (size_t i = 0; i < batch_.size(); ++i) {
      if (!has_ended(batch_[i])) kept.push_back(static_cast<int64_t>(i));
    }
    std::erase_if(batch_, has_ended);
    return at::tensor(kept, at::kLong).to(molmo_.device());
  }

  bool all_ended() const { return std::find(ended_.begin(), ended_.end(), false) == ended_.end(); }
  DecodeResult take() { return std::move(result_); }

 private:
  int64_t choose_row(Tensor scores, size_t row, const TokenCallback& on_token) {
    std::vector<int64_t>& tokens = result_.tokens[row];
    block_tokens(scores, tokens, options_);
    const int64_t token = samplers_[row](scores);
    result_.log_probs[row] += scores.const_data_ptr<float>()[token];
    tokens.push_back(token);
    ended_[row] = token == options_.eos;
    if (on_token && !on_token(row, token)) ended_[row] = true;
    return token;
  }

  const model::Molmo& molmo_;
  const DecodeOptions& options_;
  const model::ForwardOptions& forward_;
  std::vector<Sampler> samplers_;
  std::vector<bool> ended_;
  std::vector<size_t> batch_;  // the row at each place
  DecodeResult result_;
};

}  // namespace

DecodeResult decode(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                    const model::ForwardOptions& forward, const TokenCallback& on_token) {
  const at::NoGradGuard no_grad;
  Prefill prefill = run_prefill(molmo, inputs, options, forward);
  DecodeLoop loop(molmo, options, forward, static_cast<size_t>(inputs.input_ids.size(0)));
  Tensor next = loop.choose(prefill.hidden, on_token);  // [B, 1]
  if (loop.all_ended()) return loop.take();             // PARITY: even where ranks are kept in step
  Tensor positions = prefill.next_positions;            // [B, 1]
  const bool drops_ended = options.stop_early && !taps_are_heard();
  for (int64_t step = 1; step < options.max_new_tokens && !(options.stop_early && loop.all_ended()); ++step) {
    if (const Tensor kept = drops_ended ? loop.drop_ended() : Tensor(); kept.defined()) {
      prefill.cache.select_rows(kept);
      next = next.index_select(0, kept);
      positions = positions.index_select(0, kept);
    }
    model::ModelInputs token;
    token.input_ids = next;
    token.position_ids = positions;
    next = loop.choose(molmo.hidden_states(token, &prefill.cache, forward).squeeze(1), on_token);
    positions = positions + 1;
  }
  return loop.take();
}

}  // namespace molmo::generate
