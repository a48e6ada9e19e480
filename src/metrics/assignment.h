// Minimum-cost assignment by shortest augmenting paths (Jonker and Volgenant 1987, rectangular form of Crouse 2016).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace molmo::metrics {

/// Pairs (row, column) of an assignment of min(rows, columns) pairs with the smallest sum of costs, ordered by row.
/// `costs` is [rows, columns], finite. O(n^3).
std::vector<std::pair<size_t, size_t>> assign_min_cost(std::span<const double> costs, size_t num_rows,
                                                       size_t num_columns);

}  // namespace molmo::metrics
