// The pass over the prompts that decoding starts from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generate/decode_options.h"
#include "model/molmo.h"

namespace molmo::generate {

struct Prefill {
  nn::KvCache cache;
  Tensor hidden;          // [B, D] of the last real token of each row
  Tensor next_positions;  // [B, 1]
};

/// Runs the prompts with room for options.max_new_tokens after them; what rows share (options.num_shared_tokens) once.
/// Errors: a row without tokens; prompt plus new tokens beyond the decoder's positions, saying what the image took.
Prefill run_prefill(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                    const model::ForwardOptions& forward);

}  // namespace molmo::generate
