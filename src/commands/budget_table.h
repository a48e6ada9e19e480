// How `molmo bench train --budget` prints a budget.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "train/budget.h"

namespace molmo::commands {

struct BudgetTableOptions {
  std::string shape;  ///< as it was named
  bool by_operator = false;
  bool json = false;
};

/// Makes the budget and prints a table, its assumptions below, or one JSON object.
void print_budget(const BudgetTableOptions& options, const train::BudgetOptions& budget);

}  // namespace molmo::commands
