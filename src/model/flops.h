// Floating-point operations of a pass, from shapes alone: what model FLOPs utilisation (MFU) is measured by. Products
// count twice (multiply, add); norms, activations and softmax are left out, as is usual. Facts: spec/training.md §4.8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/model_config.h"

namespace molmo::model {

/// What a batch makes a model do: nothing for padding.
struct PassWork {
  int64_t num_tokens = 0;
  int64_t num_loss_tokens = 0;   ///< positions that the head runs on
  double squared_lengths = 0.0;  ///< sum over sequences of their squared lengths
  int64_t num_crops = 0;         ///< the tower runs once per real crop
};

/// Of a forward pass; a training step without recomputation does three times as much. Mixtures count the experts that a
/// token goes through.
double forward_flops(const config::ModelConfig& config, const PassWork& work);

}  // namespace molmo::model
