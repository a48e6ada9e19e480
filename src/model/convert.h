// Weights from one layout, dtype and cut into another, tensor by tensor: memory holds one parameter at a time.
// Facts: spec/model.md §4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "config/model_config.h"
#include "formats/tensor_source.h"
#include "model/layout.h"

namespace molmo::model {

struct ConvertOptions {
  std::filesystem::path from;                ///< what formats::open_tensors reads: a whole model
  std::filesystem::path to;                  ///< a folder, made if needed
  Layout layout = Layout::kMolmo;            ///< kMolmo, kMolmoE or kNative
  std::optional<formats::DType> dtype;       ///< of all tensors; none: each keeps its own
  uint64_t max_shard_bytes = 5'000'000'000;  ///< as Hugging Face cuts
};

struct ConvertReport {
  int64_t num_tensors = 0, num_values = 0;
  uint64_t num_bytes = 0;
  int num_files = 0;
};

/// Writes model.safetensors, or shards and their index. The same input gives the same bytes, and converting back and
/// forth changes nothing. Errors: every missing, extra and misshapen tensor at once, before anything is written; values
/// that overflow the new dtype.
ConvertReport convert_weights(const config::ModelConfig& config, const ConvertOptions& options);

}  // namespace molmo::model
