// The loss on held-out data, as the public captioner measures it: no dropout, no shuffling, whole batches only.
// Facts: spec/training.md §4.9.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/train_config.h"
#include "text/tokenizer.h"
#include "train/step.h"

namespace molmo::train {

/// Weighted means over the evaluated tokens.
struct EvaluatedLoss {
  std::string name;
  double cross_entropy = 0.0, z_loss = 0.0, accuracy = 0.0;
  int64_t num_examples = 0;
};

/// Reads the data of the recipe's evaluators. Errors: those of load_datasets; fewer examples than a batch of all ranks.
void check_loss_evaluators(const config::TrainConfig& recipe, int num_ranks);

/// Runs one evaluator of the recipe. A collective; the result covers all ranks.
EvaluatedLoss evaluate_loss(const std::string& name, const config::TrainConfig& recipe,
                            const text::MolmoTokenizer& tokenizer, const Objective& objective, at::ScalarType compute,
                            const Ranks& ranks, at::Device device);

}  // namespace molmo::train
