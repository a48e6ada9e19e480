// SPDX-License-Identifier: Apache-2.0
#include "metrics/matching.h"

#include <algorithm>
#include <limits>

namespace molmo::metrics {
namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();

class Matcher {
 public:
  Matcher(std::span<const std::vector<size_t>> neighbours, size_t num_columns)
      : neighbours_(neighbours),
        row_of_(num_columns, kNone),
        reached_from_(num_columns),
        column_of_(neighbours.size(), kNone) {}

  std::vector<std::pair<size_t, size_t>> solve() {
    for (size_t row = 0; row < neighbours_.size(); ++row) augment(row);
    std::vector<std::pair<size_t, size_t>> pairs;
    for (size_t column = 0; column < row_of_.size(); ++column) {
      if (row_of_[column] != kNone) pairs.emplace_back(column, row_of_[column]);
    }
    return pairs;
  }

 private:
  // Breadth first from `row` to a free column over columns that are taken; then every row on the way moves on.
  void augment(size_t row) {
    std::fill(reached_from_.begin(), reached_from_.end(), kNone);
    std::vector<size_t> rows = {row};
    for (size_t i = 0; i < rows.size(); ++i) {
      for (const size_t column : neighbours_[rows[i]]) {
        if (reached_from_[column] != kNone) continue;
        reached_from_[column] = rows[i];
        if (row_of_[column] == kNone) return shift(column);
        rows.push_back(row_of_[column]);
      }
    }
  }

  void shift(size_t column) {
    while (column != kNone) {
      const size_t row = reached_from_[column], before = column_of_[row];
      row_of_[column] = row;
      column_of_[row] = column;
      column = before;
    }
  }

  std::span<const std::vector<size_t>> neighbours_;
  std::vector<size_t> row_of_, reached_from_;  // by column
  std::vector<size_t> column_of_;              // by row
};

}  // namespace

std::vector<std::pair<size_t, size_t>> match_most(std::span<const std::vector<size_t>> neighbours, size_t num_columns) {
  return Matcher(neighbours, num_columns).solve();
}

}  // namespace molmo::metrics
