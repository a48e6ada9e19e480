// The models that `molmo bench` measures.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "config/model_config.h"
#include "tensor/param_set.h"

namespace molmo::model {

/// "tiny", "0.15b" (width 768, 12 layers, 12 heads with 4 kv, FFN 2048, vocabulary 32k; tower 12 x 384), or a preset
/// ("molmo-7b-d"); with `num_layers` decoder layers where that is positive. Errors: another name.
config::ModelConfig bench_shape(std::string_view name, int num_layers = 0);

/// Random values on the parameters' own device: speed does not depend on them, and a GPU draws billions in a second.
void draw_bench_values(ParamSet& params);

}  // namespace molmo::model
