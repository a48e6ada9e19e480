// Examples to a batch: rows right-padded to one length, crops in one flat list. Facts: spec/preprocess.md §3.9.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "preprocess/example.h"

namespace molmo::preprocess {

struct CollateOptions {
  int64_t sequence_length = 2304;  ///< longer rows lose their end
  bool pad_to_max = false;         ///< S = sequence_length, else the longest row
};

/// Rows without several annotations get subsegment id 1 throughout where another row has several. Cells whose place was
/// cut off become negative. Error: examples of different crop sizes.
Batch collate(std::span<const Example> examples, const CollateOptions& options);

}  // namespace molmo::preprocess
