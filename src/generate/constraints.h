// Tokens that a sequence may not take next.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "generate/decode_options.h"
#include "tensor/tensor.h"

namespace molmo::generate {

/// Puts the lowest float32 where a token is not allowed after `tokens`: one that repeats an n-gram, or an early end.
/// PARITY: no renormalisation.
void block_tokens(Tensor& log_probs, const std::vector<int64_t>& tokens,
                  const DecodeOptions& options);  // [V], on the CPU

}  // namespace molmo::generate
