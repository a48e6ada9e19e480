// Throughput of a recipe's data, and how much of a batch is padding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/loader.h"

namespace molmo::data {

/// Useful tokens over those that are computed, in several ways of making rows of the same examples. Packed rows
/// (preprocess/pack.h) have no padding: their share is 1.
struct UsefulShares {
  double micro_batch = 0.0;  ///< rows, sorted by length, padded to the longest of their micro-batch
  double update = 0.0;       ///< rows padded to the longest of their update
  double fixed = 0.0;        ///< rows padded to data.sequence_length, as the public trainer does
  double packed_fill = 0.0;  ///< how much of its limit of tokens a packed row holds
  double packed_rows = 0.0;  ///< rows per example
};

struct LoaderSpeed {
  int64_t num_examples = 0, num_tokens = 0, num_crops = 0;
  double seconds = 0.0;  ///< wall time, with data.num_workers workers
  UsefulShares shares;
  /// Milliseconds of one worker for an example, by stage.
  double decode_ms = 0.0, crops_ms = 0.0, text_ms = 0.0, collate_ms = 0.0;
};

/// Draws `num_steps` updates of the recipe's data.
LoaderSpeed measure_loader_speed(const config::TrainConfig& recipe, const text::MolmoTokenizer& tokenizer,
                                 int num_steps);

}  // namespace molmo::data
