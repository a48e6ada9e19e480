// SPDX-License-Identifier: Apache-2.0
#include "metrics/assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace molmo::metrics {
namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();

// Rows enter one after another (no more rows than columns). Each takes the cheapest path of reduced costs to a free
// column and shifts the assigned rows along it; the potentials keep all reduced costs non-negative.
class Solver {
 public:
  Solver(std::span<const double> costs, size_t num_rows, size_t num_columns)
      : costs_(costs),
        num_columns_(num_columns),
        row_potential_(num_rows),
        column_potential_(num_columns),
        column_of_(num_rows, kNone),
        row_of_(num_columns, kNone),
        previous_row_(num_columns) {}

  std::vector<size_t> solve() {
    for (size_t row = 0; row < column_of_.size(); ++row) insert(row);
    return column_of_;
  }

 private:
  void insert(size_t row) {
    distance_.assign(num_columns_, std::numeric_limits<double>::infinity());
    // Columns wait in falling order; a taken one is replaced by the last. Ties go to a free column, else to the first
    // that waits. PARITY: with several optimal assignments this order decides which one scores.
    std::vector<size_t> waiting(num_columns_), reached;
    for (size_t i = 0; i < num_columns_; ++i) waiting[i] = num_columns_ - 1 - i;
    double length = 0.0;
    for (size_t from = row;;) {
      const size_t place = relax(from, length, waiting);
      const size_t column = waiting[place];
      length = distance_[column];
      waiting[place] = waiting.back();
      waiting.pop_back();
      if (row_of_[column] == kNone) {
        shift_potentials(row, length, reached);
        augment(row, column);
        return;
      }
      reached.push_back(column);
      from = row_of_[column];
    }
  }

  // Extends the paths by one row and returns the place in `waiting` of the nearest column.
  size_t relax(size_t row, double length, const std::vector<size_t>& waiting) {
    size_t best = kNone;
    double lowest = std::numeric_limits<double>::infinity();
    for (size_t place = 0; place < waiting.size(); ++place) {
      const size_t column = waiting[place];
      const double reduced =
          length + costs_[row * num_columns_ + column] - row_potential_[row] - column_potential_[column];
      if (reduced < distance_[column]) distance_[column] = reduced, previous_row_[column] = row;
      const bool is_tie_to_free = distance_[column] == lowest && row_of_[column] == kNone;
      if (distance_[column] < lowest || is_tie_to_free) lowest = distance_[column], best = place;
    }
    MOLMO_CHECK(best != kNone);
    return best;
  }

  void shift_potentials(size_t row, double length, const std::vector<size_t>& reached) {
    row_potential_[row] += length;
    for (const size_t column : reached) {
      row_potential_[row_of_[column]] += length - distance_[column];
      column_potential_[column] -= length - distance_[column];
    }
  }

  void augment(size_t row, size_t column) {
    for (size_t at = column;;) {
      const size_t from = previous_row_[at];
      row_of_[at] = from;
      std::swap(column_of_[from], at);
      if (from == row) return;
    }
  }

  std::span<const double> costs_;
  size_t num_columns_;
  std::vector<double> row_potential_, column_potential_, distance_;
  std::vector<size_t> column_of_, row_of_, previous_row_;
};

}  // namespace

std::vector<std::pair<size_t, size_t>> assign_min_cost(std::span<const double> costs, size_t num_rows,
                                                       size_t num_columns) {
  MOLMO_CHECK(costs.size() == num_rows * num_columns);
  MOLMO_CHECK(std::all_of(costs.begin(), costs.end(), [](double cost) { return std::isfinite(cost); }));
  std::vector<std::pair<size_t, size_t>> pairs;
  if (num_rows <= num_columns) {
    const std::vector<size_t> columns = Solver(costs, num_rows, num_columns).solve();
    for (size_t row = 0; row < num_rows; ++row) pairs.emplace_back(row, columns[row]);
    return pairs;
  }
  std::vector<double> transposed(costs.size());
  for (size_t row = 0; row < num_rows; ++row) {
    for (size_t column = 0; column < num_columns; ++column)
      transposed[column * num_rows + row] = costs[row * num_columns + column];
  }
  const std::vector<size_t> rows = Solver(transposed, num_columns, num_rows).solve();
  for (size_t column = 0; column < num_columns; ++column) pairs.emplace_back(rows[column], column);
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace molmo::metrics
