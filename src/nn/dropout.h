// Dropout of the decoder's branches, everywhere or at response positions only. Facts: spec/training.md §1.8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "tensor/tensor.h"

namespace molmo::nn {

/// What a forward pass drops. The default drops nothing (evaluation).
struct DropoutState {
  double residual = 0.0;  ///< everywhere
  double response = 0.0;  ///< where > 0: at response positions, `residual` elsewhere
  Tensor is_response;     // [B, S] bool; needed where response > 0
  double embedding = 0.0, attention = 0.0, features = 0.0;
  std::optional<at::Generator> generator;  ///< source of the masks; none: the device's default
};

/// Drops elements of a branch output and rescales the rest by the position's own keep probability.
Tensor drop_residual(const Tensor& x, const DropoutState& state);  // [B, S, D] -> [B, S, D]

/// Plain dropout with probability `p`.
Tensor drop(const Tensor& x, double p, const std::optional<at::Generator>& generator);  // [...] -> [...]

}  // namespace molmo::nn
