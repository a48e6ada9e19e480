// Greedy decoding and sampling of a right-padded batch with a KV cache. Facts: spec/model.md §2.15.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "generate/decode_options.h"
#include "model/molmo.h"

namespace molmo::generate {

struct DecodeResult {
  std::vector<std::vector<int64_t>> tokens;  ///< per row, end token included if it came; nothing after it
  std::vector<double> log_probs;  ///< per row, sum over its tokens, of the distribution before sampling options
  int64_t num_passes = 0;         ///< forward passes, prefill included
};

/// Called with (row, token) as soon as a token is chosen; returning false ends the row there.
using TokenCallback = std::function<bool(size_t row, int64_t token)>;

/// Continues every row of `inputs` by one sequence (options.beams is not looked at). The result of a row does not
/// depend on the other rows up to rounding. Errors: those of run_prefill().
DecodeResult decode(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                    const model::ForwardOptions& forward, const TokenCallback& on_token = {});

}  // namespace molmo::generate
