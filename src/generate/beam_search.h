// Beam search over a right-padded batch with a KV cache. Facts: spec/model.md §2.15.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "generate/decode_options.h"
#include "model/molmo.h"

namespace molmo::generate {

struct Beam {
  std::vector<int64_t> tokens;  ///< end token included if it came; nothing after it
  double log_prob = 0.0;        ///< sum over its tokens
  double score = 0.0;           ///< after the length penalty
};

struct BeamResult {
  std::vector<std::vector<Beam>> rows;  ///< per row of the batch, best first
  int64_t num_passes = 0;               ///< forward passes, prefill included
};

/// Continues every row of `inputs` by options.beams.size sequences.
/// Errors: those of decode(); more beams than classes.
BeamResult search_beams(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                        const model::ForwardOptions& forward);

}  // namespace molmo::generate
