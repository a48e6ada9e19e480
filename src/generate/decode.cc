// SPDX-License-Identifier: Apache-2.0
#include "generate/decode.h"

#include "generate/constraints.h"
#include "generate/prefill.h"
#include "generate/sampler.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::generate {
namespace {

// The state of one decoding loop.
class DecodeLoop {
 public:
  DecodeLoop(const model::Molmo& molmo, const DecodeOptions& options, const model::ForwardOptions& forward, size_t rows)
      : molmo_(molmo), options_(options), forward_(forward), ended_(rows, false) {
    result_.tokens.resize(rows);
    result_.log_probs.resize(rows, 0.0);
    for (size_t row = 0; row < rows; ++row) samplers_.emplace_back(options.sampling, options.sampling.first_row + row);
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
  for (int64_t step = 1; step < options.max_new_tokens && !(options.stop_early && loop.all_ended()); ++step) {
    model::ModelInputs token;
    token.input_ids = next;
    token.position_ids = positions;
    next = loop.choose(molmo.hidden_states(token, &prefill.cache, forward).squeeze(1), on_token);
    positions = positions + 1;
  }
  return loop.take();
}

}  // namespace molmo::generate
