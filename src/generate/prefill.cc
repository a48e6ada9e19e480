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

void expect_room(const model::Molmo& molmo, const model::ModelInputs& inputs, const Tensor& lengths,
                 int64_t max_new_tokens) {
  MOLMO_CHECK(lengths.min().item<int64_t>() > 0, "a row without tokens");
  const int64_t longest = lengths.max().item<int64_t>(), limit = molmo.config().decoder.max_positions;
  if (max_new_tokens <= limit - longest) return;
  throw Error(fmt::format(
      "[generate] prompt of {} tokens (of which {} hold image features) and {} new ones, expected at most {} in total",
      longest, most_image_tokens(inputs), max_new_tokens, limit));
}

}  // namespace

Prefill run_prefill(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                    const model::ForwardOptions& forward) {
  const Tensor lengths = (inputs.input_ids != -1).sum(1);  // [B]
  expect_room(molmo, inputs, lengths, options.max_new_tokens);
  const int64_t rows = inputs.input_ids.size(0), prompt = inputs.input_ids.size(1), shared = options.num_shared_tokens;
  MOLMO_CHECK(shared < lengths.min().item<int64_t>(), "every row has a token of its own");
  const Tensor positions =
      inputs.position_ids.defined() ? inputs.position_ids : model::derive_positions(inputs.input_ids);
  const auto cache_options = at::TensorOptions().dtype(forward.compute).device(inputs.input_ids.device());
  model::KvCache cache(molmo.config().decoder, shared > 0 ? 1 : rows, prompt + options.max_new_tokens, cache_options);
  model::ModelInputs rest = inputs;
  if (shared > 0) {
    model::ModelInputs prefix = inputs;
    prefix.input_ids = inputs.input_ids.slice(0, 0, 1).slice(1, 0, shared);
    prefix.position_ids = positions.slice(0, 0, 1).slice(1, 0, shared);
    model::ForwardOptions fills_cache = forward;
    fills_cache.kept = at::empty({0}, positions.options());
    molmo.hidden_states(prefix, &cache, fills_cache);
    cache.select_rows(at::zeros({rows}, inputs.input_ids.options()));
    rest = {};
    rest.input_ids = inputs.input_ids.slice(1, shared);
  }
  rest.position_ids = positions.slice(1, shared);
  model::ForwardOptions last = forward;
  last.kept = at::arange(rows, lengths.options()) * (prompt - shared) + lengths - 1 - shared;  // [B]
  const Tensor hidden = molmo.hidden_states(rest, &cache, last);                               // [B, D]
  // Right-padded rows continue at their own next position, after the padding slots of the cache.
  return {.cache = std::move(cache), .hidden = hidden, .next_positions = positions.amax(1, /*keepdim=*/true) + 1};
}

}  // namespace molmo::generate
