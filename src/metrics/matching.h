// Maximum matching of a bipartite graph by augmenting paths (Kuhn 1955).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace molmo::metrics {

/// The most pairs (column, row) of neighbours in which every row and every column occurs at most once, ordered by
/// column. `neighbours` has the columns, all below `num_columns`, of each row. O(rows * edges).
std::vector<std::pair<size_t, size_t>> match_most(std::span<const std::vector<size_t>> neighbours, size_t num_columns);

}  // namespace molmo::metrics
