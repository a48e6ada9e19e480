// Softmax of one row of attention scores and its gradient, in the widest instructions that this processor has.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace molmo::tensor::cpu {

struct SoftmaxLoops {
  /// scores -> softmax(scale * scores), in place; scale > 0. Returns log(sum(exp(scale * scores))).
  float (*forward)(float* scores, int64_t length, float scale);

  /// For the attention that forward() was part of, from its log-sum: scores -> probabilities, and `gradients`, of the
  /// probabilities -> of the scores before scaling. `mean` is the probabilities' mean of the gradients.
  void (*backward)(float* scores, float* gradients, int64_t length, float scale, float log_sum, float mean);
};

const SoftmaxLoops& softmax_loops();

}  // namespace molmo::tensor::cpu
