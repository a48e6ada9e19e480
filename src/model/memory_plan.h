// How much memory a model takes to answer, before any is taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/model_config.h"
#include "tensor/param_set.h"

namespace molmo::model {

/// A batch of prompts that are answered together.
struct MemoryRequest {
  int64_t num_rows = 1;
  int64_t num_crops = 13;            ///< of all rows together: an overview and twelve crops
  int64_t num_prompt_tokens = 2000;  ///< of the longest row, image tokens included
  int64_t num_new_tokens = 256;
  at::ScalarType compute = at::kFloat;
};

/// Bytes of tensors that are alive at the same time at the worst moment.
struct MemoryPlan {
  int64_t weights = 0;
  int64_t cache = 0;  ///< keys and values
  int64_t activations =
      0;  ///< of the largest of tower, connector, decoder block and head, with what is kept around them
  int64_t total() const { return weights + cache + activations; }
};

/// `params`: the model's, on the meta device or not.
MemoryPlan plan_memory(const config::ModelConfig& config, const ParamSet& params, const MemoryRequest& request);

}  // namespace molmo::model
