// What a run checks and logs before its first step; a dry run does the same and stops there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/train_config.h"
#include "data/loader.h"
#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace molmo::train {

/// Error: the tokenizer's ids are not those of the model's tables.
text::MolmoTokenizer load_checked_tokenizer(const config::TrainConfig& config);

at::ScalarType compute_type(const config::TrainConfig& config, const at::Device& device);

struct LengthCheck {
  std::string lengths;               ///< empty where the stage has no text
  std::vector<std::string> remarks;  ///< warnings, a sentence each
};

/// Looks at the lengths of the first examples for some seconds, and at what a recipe may say but seldom means: examples
/// that are cut, a warm-up that the run does not see the end of, a step that takes more than all of a dataset. The
/// latter two are no errors: a few steps by a recipe for many are how people try whether it starts.
/// Error: a sequence length that leaves no room for the answers.
LengthCheck check_lengths(const config::TrainConfig& config, const data::Loader& loader);

/// "2.40 M parameters: a decoder of 2 blocks of width 64, ..."
std::string model_text(const config::MolmoConfig& config, int64_t num_params);

/// "cpu, fp32, 2 threads"
std::string compute_text(const config::TrainConfig& config, const at::Device& device);

}  // namespace molmo::train
