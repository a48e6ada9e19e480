// Drawing tokens: temperature, top-k, top-p. Facts: spec/model.md §2.15.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "generate/decode_options.h"
#include "tensor/tensor.h"

namespace molmo::generate {

/// The distributions of the next tokens, on the CPU. Throws an Error where one is not a distribution: logits that are
/// NaN or infinite come of damaged weights or an overflow, and their largest entry would still be some token.
Tensor next_log_probs(const Tensor& logits);  // [R, V] -> [R, V], float32

/// What a draw uses: the tempered distribution, cut to the k most probable tokens and renormalised, then to the fewest
/// of those that reach p (at least `min_kept`) and renormalised.
Tensor sampling_probabilities(const Tensor& log_probs, const SamplingOptions& options,
                              int64_t min_kept = 1);  // [R, V] -> [R, V]

/// The tokens of one row.
class Sampler {
 public:
  Sampler(const SamplingOptions& options, size_t row);
  /// DEVIATION: the public code takes the most probable first token whatever the options say (trap T30).
  int64_t operator()(const Tensor& log_probs);  // [V], on the CPU

 private:
  SamplingOptions options_;
  RandomState random_;
};

/// Gumbel noise around log-probs `phi`, shifted so that its largest value is `maximum`: stochastic beams draw without
/// replacement from it. `uniform` lies in (0, 1).
Tensor gumbel_with_maximum(const Tensor& phi, const Tensor& maximum,
                           const Tensor& uniform);  // [R,V], [R,1], [R,V] -> [R,V]

}  // namespace molmo::generate
