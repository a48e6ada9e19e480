// Optimizer settings of a golden training case in our config structs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "config/train_config.h"

namespace molmo::testing {

/// From the case's "optimizer", "scheduler" and clipping fields: tuples are (connector, vit, llm).
config::OptimizerConfig golden_optimizer(const Json& optimizer, const Json& scheduler, const Json& max_grad_norm,
                                         const Json& ft_embedding);

/// From the name of the reference ("lm_head").
config::EmbeddingTraining golden_embedding_training(const std::string& name);

}  // namespace molmo::testing
