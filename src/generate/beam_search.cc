// SPDX-License-Identifier: Apache-2.0
#include "generate/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "generate/constraints.h"
#include "generate/prefill.h"
#include "generate/sampler.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::generate {
namespace {

constexpr double kForbidden = std::numeric_limits<float>::lowest();

struct Candidate {
  size_t beam;  // among those of its row, before this step
  int64_t token;
  double log_prob;  // cumulative
};

// The beams of all rows: row b's lie at [b * size, (b + 1) * size).
class Search {
 public:
  Search(const DecodeOptions& options, size_t num_rows)
      : options_(options),
        size_(static_cast<size_t>(options.beams.size)),
        beams_(num_rows * size_),
        ended_(num_rows * size_, false) {}

  // From the distributions after the prompts, [B, V].
  void start(const Tensor& logits) { step(logits, /*from_each=*/size_, /*beams_before=*/1); }

  // From those of all beams, [B * size, V]. Returns which old beam each new one continues.
  std::vector<int64_t> advance(const Tensor& logits) {
    return step(logits, static_cast<size_t>(options_.beams.per_node.value_or(options_.beams.size)), size_);
  }

  bool all_ended() const { return std::find(ended_.begin(), ended_.end(), false) == ended_.end(); }

  Tensor last_tokens() const {  // [B * size, 1]
    std::vector<int64_t> last;
    for (size_t i = 0; i < beams_.size(); ++i) last.push_back(ended_[i] ? options_.eos : beams_[i].tokens.back());
    return at::tensor(last, at::kLong).unsqueeze(1);
  }

  std::vector<std::vector<Beam>> take() {
    std::vector<std::vector<Beam>> rows;
    for (size_t begin = 0; begin < beams_.size(); begin += size_) {
      std::vector<Beam>& row = rows.emplace_back(beams_.begin() + static_cast<ptrdiff_t>(begin),
                                                 beams_.begin() + static_cast<ptrdiff_t>(begin + size_));
      for (Beam& beam : row) beam.score = final_score(beam);
      std::stable_sort(row.begin(), row.end(), [](const Beam& a, const Beam& b) { return a.score > b.score; });
    }
    return rows;
  }

 private:
  double final_score(const Beam& beam) const {
    if (!options_.beams.length_penalty) return beam.log_prob;
    return beam.log_prob /
           std::pow(static_cast<double>(beam.tokens.size()), *options_.beams.length_penalty);  // the end counts once
  }

  // The best continuations of one old beam, most probable first.
  void propose(Tensor log_probs, size_t from, const Beam& beam, bool has_ended, size_t count,
               std::vector<Candidate>& candidates) const {
    if (has_ended) {  // it stays as it is, and nothing else comes of it
      candidates.push_back({from, options_.eos, beam.log_prob});
      return;
    }
    block_tokens(log_probs, beam.tokens, options_);
    const auto [values, tokens] = at::topk(log_probs, static_cast<int64_t>(count));
    for (size_t k = 0; k < count; ++k) {
      const double value = values.const_data_ptr<float>()[k];
      candidates.push_back(
          {from, tokens.const_data_ptr<int64_t>()[k], value <= kForbidden ? kForbidden : beam.log_prob + value});
    }
  }

  std::vector<int64_t> step(const Tensor& logits, size_t from_each, size_t beams_before) {
    const Tensor log_probs = next_log_probs(logits);
    std::vector<Beam> next(beams_.size());
    std::vector<bool> ended(beams_.size(), false);
    std::vector<int64_t> parents(beams_.size());
    for (size_t row = 0; row < beams_.size() / size_; ++row) {
      std::vector<Candidate> candidates;
      for (size_t k = 0; k < beams_before; ++k) {
        const size_t beam = row * size_ + k;
        propose(log_probs[static_cast<int64_t>(row * beams_before + k)], beam, beams_[beam], ended_[beam], from_each,
                candidates);
      }
      std::stable_sort(candidates.begin(), candidates.end(),
                       [](const Candidate& a, const Candidate& b) { return a.log_prob > b.log_prob; });
      for (size_t k = 0; k < size_; ++k) {
        const Candidate& chosen = candidates[k];
        const size_t to = row * size_ + k;
        parents[to] = static_cast<int64_t>(chosen.beam);
        next[to] = beams_[chosen.beam];
        next[to].log_prob = chosen.log_prob;
        ended[to] = ended_[chosen.beam] || chosen.token == options_.eos;
        if (!ended_[chosen.beam]) next[to].tokens.push_back(chosen.token);
      }
    }
    beams_ = std::move(next);
    ended_ = std::move(ended);
    return parents;
  }

  const DecodeOptions& options_;
  size_t size_;
  std::vector<Beam> beams_;
  std::vector<bool> ended_;
};

}  // namespace

BeamResult search_beams(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                        const model::ForwardOptions& forward) {
  const at::NoGradGuard no_grad;
  const int64_t size = options.beams.size, classes = molmo.config().decoder.embedding_size;
  if (size < 1 || size > classes || options.beams.per_node.value_or(1) < 1 ||
      options.beams.per_node.value_or(1) > classes) {
    throw Error(fmt::format("[generate] {} beams with {} candidates each, expected from 1 to the {} classes", size,
                            options.beams.per_node.value_or(size), classes));
  }
  Prefill prefill = run_prefill(molmo, inputs, options, forward);
  Search search(options, static_cast<size_t>(inputs.input_ids.size(0)));
  BeamResult result{.rows = {}, .num_passes = 1};
  const Tensor first = molmo.logits(prefill.hidden, forward).to(at::kFloat);  // [B, V]
  tap("generate.step_logits", first);
  search.start(first);
  // PARITY: one beam that ends at once everywhere stops even where ranks are kept in step.
  if (size == 1 && search.all_ended()) return result.rows = search.take(), result;

  const at::Device device = inputs.input_ids.device();
  const Tensor spread =
      at::arange(inputs.input_ids.size(0), at::kLong).repeat_interleave(size).to(device);  // [B * size]
  prefill.cache.select_rows(spread);
  Tensor positions = prefill.next_positions.index_select(0, spread);  // [B * size, 1]
  for (int64_t step = 1; step < options.max_new_tokens && !(options.stop_early && search.all_ended()); ++step) {
    model::ModelInputs tokens;
    tokens.input_ids = search.last_tokens().to(device);
    tokens.position_ids = positions;
    const Tensor hidden = molmo.hidden_states(tokens, &prefill.cache, forward).squeeze(1);  // [B * size, D]
    const Tensor logits = molmo.logits(hidden, forward).to(at::kFloat);                     // [B * size, V]
    tap("generate.step_logits", logits);
    ++result.num_passes;
    prefill.cache.select_rows(at::tensor(search.advance(logits), at::kLong).to(device));
    positions = positions + 1;
  }
  result.rows = search.take();
  return result;
}

}  // namespace molmo::generate
