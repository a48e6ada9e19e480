// How one forward pass computes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/dropout.h"

namespace molmo::model {

/// Sums of a mixture's blocks over one pass (nn::load_balance, nn::router_z), not yet weighted.
struct RouterLosses {
  Tensor load_balance, z;  // [], undefined before the first block

  void add(const Tensor& block_load_balance, const Tensor& block_z) {
    load_balance = load_balance.defined() ? load_balance + block_load_balance : block_load_balance;
    z = z.defined() ? z + block_z : block_z;
  }
};

/// `compute` is the dtype of matrix products and attention; the residual stream of the decoder, norms and RoPE stay
/// float32. Facts: spec/model.md §2.16.
struct ForwardOptions {
  at::ScalarType compute = at::kFloat;
  nn::DropoutState dropout;
  RouterLosses* router_losses = nullptr;  ///< filled by mixtures, if given
  /// Of the B*S tokens, those whose final hidden states are wanted: [M] int64, undefined for all. The last block
  /// computes its feed-forward for them alone: training reads the states of answers, decoding those of last tokens.
  Tensor kept;
};

}  // namespace molmo::model
