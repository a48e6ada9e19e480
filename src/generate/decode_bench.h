// How fast a model prefills and decodes, with weights drawn at random: speed does not depend on their values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/model_config.h"
#include "model/memory_plan.h"
#include "tensor/tensor.h"

namespace molmo::generate {

struct DecodeBenchOptions {
  config::ModelConfig model;
  at::ScalarType compute = at::kFloat;
  at::Device device = at::kCPU;
  int64_t num_rows = 1;                                                 ///< prompts that are answered together
  int64_t num_crops = 2, num_prompt_tokens = 329, num_new_tokens = 64;  ///< of a row
  int num_repeats = 3;                                                  ///< the best of them counts
};

struct DecodeSpeed {
  double prefill_tokens_per_s = 0.0;  ///< prompt tokens of all rows; the pictures are encoded within the time
  double encode_seconds = 0.0;        ///< of the pictures alone
  double decode_tokens_per_s = 0.0;   ///< of all rows, from the first token on
  double weight_gb_per_s = 0.0;       ///< decoder blocks and head, each read once per token of all rows
  double memory_gb_per_s = 0.0;       ///< what a loop or kernel reads that does nothing else, with the same threads
  int64_t peak_bytes = 0;             ///< of tensors alive, weights included
  model::MemoryPlan plan;             ///< what was to be expected of that
};

DecodeSpeed measure_decode_speed(const DecodeBenchOptions& options);

}  // namespace molmo::generate
