// SPDX-License-Identifier: Apache-2.0
#include "generate/prefill.h"

#include "base/check.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::generate {
namespace {

// Image tokens of the row that has most of them: the placed features.
int64_t most_image_tokens(const model::ModelInputs& inputs) {
  if (!inputs.token_positions.defined() || inputs.token_positions.numel() == 0) return 0;
  const Tensor placed = (inputs.token_positions >= 0).sum(1);  // [C]
  return at::zeros({inputs.input_ids.size(0)}, placed.options())
      .index_add(0, inputs.crop_rows, placed)
      .max()
      .item<int64_t>();
}

// What a row holds, at least and at most. The prompts' tokens are the only thing that is read back before the first
// answer.
struct Extremes {
  int64_t shortest, longest;
};

Extremes extremes_of(const Tensor& lengths) {  // [B] int64
  const Tensor both = at::stack({lengths.min(), lengths.max()}).cpu();
  return {both.const_data_ptr<int64_t>()[0], both.const_data_ptr<int64_t>()[1]};
}

void expect_room(const model::Molmo& molmo, const model::ModelInputs& inputs, const Extremes& lengths,
                 int64_t max_new_tokens) {
  MOLMO_CHECK(lengths.shortest > 0, "a row without tokens");
  const int64_t longest = lengths.longest, limit = molmo.config().decoder.max_positions;
  if (max_new_tokens <= limit - longest) return;
  throw Error(fmt::format(
      "[generate] prompt of {} tokens (of which {} hold image features) and {} new ones, expected at most {} in total",
      longest, most_image_tokens(inputs), max_new_tokens, limit));
}

}  // namespace

Prefill run_prefill(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                    const model::ForwardOptions& forward) {
  const Tensor lengths = (inputs.input_ids != -1).sum(1);  // [B]
  const Extremes extremes = extremes_of(lengths);
  expect_room(molmo, inputs, extremes, options.max_new_tokens);
  const int64_t rows = inputs.input_ids.size(0), prompt = inputs.input_ids.size(1), shared = options.num_shared_tokens;
  MOLMO_CHECK(shared < extremes.shortest, "every row has a token of its own");
  const Tensor positions =
      inputs.position_ids.defined() ? inputs.position_ids : model::derive_positions(inputs.input_ids);
  const auto cache_options = at::TensorOptions().dtype(forward.compute).device(inputs.input_ids.device());
  nn::KvCache cache(molmo.config().decoder, shared > 0 ? 1 : rows, prompt + options.max_new_tokens, cache_options);
  model::ModelInputs rest = inputs;
  if (shared > 0) {
    model::ModelInputs prefix = inputs;
    prefix.input_ids = inputs.input_ids.slice(0, 0, 1).slice(1, 0, shared);
    prefix.position_ids = positions.slice(0, 0, 1).slice(1, 0, shared);
    model::ForwardOptions fills_cache = forward;
    fills_cache.kept = at::empty({0}, positions.options());
    prefix.sequences = nullptr;  // those of whole rows
    molmo.hidden_states(prefix, &cache, fills_cache);
    cache.set_even();
    cache.select_rows(at::zeros({rows}, inputs.input_ids.options()));
    rest = {};
    rest.input_ids = inputs.input_ids.slice(1, shared);
  }
  rest.position_ids = positions.slice(1, shared);
  model::ForwardOptions last = forward;
  last.kept = at::arange(rows, lengths.options()) * (prompt - shared) + lengths - 1 - shared;  // [B]
  const Tensor hidden = molmo.hidden_states(rest, &cache, last);                               // [B, D]
  if (extremes.shortest == prompt) cache.set_even();
  // Right-padded rows continue at their own next position, whatever padding is behind them.
  return {.cache = std::move(cache), .hidden = hidden, .next_positions = positions.amax(1, /*keepdim=*/true) + 1};
}

}  // namespace molmo::generate
