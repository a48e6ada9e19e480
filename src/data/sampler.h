// The fixed order of an evaluation, and the split of rows into training and validation. Facts: spec/datasets.md §1.4,
// §5.2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace molmo::data {

struct EvaluationOrder {
  int64_t length = 0;  ///< examples of the dataset
  uint64_t seed = 0;
  int world_size = 1;
  int64_t batch_size = 1;  ///< of one rank
  bool shuffle = true;
  bool drop_last = false;            ///< cut to a multiple of the world size; else extend the order from its own start
  bool pad_batches = false;          ///< append padding examples up to whole global batches
  std::optional<int64_t> max_steps;  ///< bounds the padding, not the order

  /// Padding examples appended; their indices start at `length`.
  int64_t num_padding() const;
  /// Batches of indices of one rank; the last one may be smaller.
  std::vector<std::vector<int64_t>> batches(int rank) const;
};

struct RowSplit {
  std::vector<int64_t> train, validation;  ///< row numbers, in order
};

/// The split of the PixMo sets: the first rows of a fixed permutation are validation. Error if there are too few rows.
RowSplit split_rows(int64_t num_rows, int64_t num_validation);

}  // namespace molmo::data
