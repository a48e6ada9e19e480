// What all ranks of a run must have in common, and the error that names the first difference. Ranks that differ in a
// recipe or in data would train without an error, and train nonsense.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace molmo::distributed {

class Communicator;

/// What a rank was started with: keys and values, the most telling first.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Where `others`, of rank `rank`, differ from `own`, of rank 0: "[dist] the ranks differ in steps, got 5 on rank 1,
/// expected 3 as on rank 0 (also in seed)". Empty where they do not.
std::string difference(const Facts& own, const Facts& others, int rank);

/// Error, the same on all ranks, if they differ. A collective.
void expect_agreement(Communicator& everyone, const Facts& own);

std::string to_text(const Facts& facts);
Facts facts_from_text(const std::string& text);  ///< the inverse of to_text()

}  // namespace molmo::distributed
