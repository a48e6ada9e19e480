// A model in a few lines: what `molmo inspect` begins with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "config/molmo_config.h"
#include "formats/tensor_source.h"

namespace molmo::commands {

/// Tensors added up.
struct TensorTotals {
  int64_t num_tensors = 0, num_values = 0, num_bytes = 0;
  std::map<std::string, int64_t> values_by_dtype;

  void add(const formats::TensorView& view);
};

/// Tower, connector, decoder, parameters, crops, dtype and size, a line each. `config` is null where there are weights
/// alone.
std::string format_headline(const config::MolmoConfig* config, const TensorTotals& totals);
Json headline_json(const config::MolmoConfig* config, const TensorTotals& totals);

}  // namespace molmo::commands
