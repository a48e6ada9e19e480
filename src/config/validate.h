// Rules that tie several fields together. All that fail are reported at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/train_config.h"

namespace molmo::config {

/// Appends one line per broken rule: "'model.decoder.width': got 100, expected a multiple of num_heads = 3". Every
/// field by itself must be in the range that its Field states. A TrainConfig with init_from leaves the model to that
/// folder.
void validate(const ModelConfig& model, std::vector<std::string>& problems);
void validate(const MolmoConfig& molmo, std::vector<std::string>& problems);
void validate(const TrainConfig& train, std::vector<std::string>& problems);

}  // namespace molmo::config
