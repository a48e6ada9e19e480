// Greedy decoding of a right-padded batch with a KV cache. Facts: spec/model.md §2.15.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "model/molmo.h"

namespace molmo::generate {

struct DecodeOptions {
  int64_t max_new_tokens = 128;
  int64_t min_new_tokens = 0;         ///< the end token cannot be chosen before
  int64_t eos = -1;
  std::optional<int64_t> block_ngram; ///< no n-gram of generated tokens is repeated; the prompt does not count
  bool stop_early = true;             ///< stop when every row has ended (false keeps ranks in step)
};

struct DecodeResult {
  std::vector<std::vector<int64_t>> tokens;  ///< per row, end token included if it came; nothing after it
  std::vector<double> log_probs;             ///< per row, sum over its tokens
  int64_t num_passes = 0;                    ///< forward passes, prefill included
};

/// Called with (row, token) as soon as a token is chosen.
using TokenCallback = std::function<void(size_t row, int64_t token)>;

/// Continues every row of `inputs`. The result of a row does not depend on the other rows up to rounding.
/// Errors: a row without tokens; prompt plus new tokens beyond the decoder's positions.
DecodeResult decode_greedy(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                           const model::ForwardOptions& forward, const TokenCallback& on_token = {});

}  // namespace molmo::generate
