// The public code's field names (native config.yaml, golden cases) and ours. Facts: spec/model.md §1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "config/model_config.h"

namespace molmo::config {

/// Reads a complete native model configuration. Fields that are absent take the public code's class defaults
/// (spec/model.md §1.4). Errors name `where` and the field.
ModelConfig model_from_native(const Json& native, const std::string& where);

}  // namespace molmo::config
