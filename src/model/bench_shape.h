// The shapes that `molmo bench` measures.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "config/model_config.h"

namespace molmo::model {

/// "tiny" and "0.15b" (width 768, 12 layers, 12 heads with 4 kv, FFN 2048, vocabulary 32k; tower 12 x 384).
config::ModelConfig bench_shape(std::string_view name);

}  // namespace molmo::model
