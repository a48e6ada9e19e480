// Ranks whose collectives do as little as they may, to find code that relies on more. On a GPU a collective runs beside
// its rank's kernels from its start to its wait(): what it reads may not change meanwhile, what it writes is neither
// the old nor the new values, and all ranks must start the same collectives in the same order, or they wait for each
// other for good. Gloo's tensors on one machine show none of that: they arrive early, and late enough is right by
// chance.
//
//   const std::vector<std::string> faults = run_poisoned_ranks(3, [&](Communicator& everyone) { ... });
//   expect_sound_ranks(3, [&](Communicator& everyone) { ... });  // the same, where there should be none
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "distributed/communicator.h"

namespace molmo::testing {

/// Runs `body` once per rank over Gloo, as run_ranks() does, and returns what was found, one line for each:
/// - a result that is read before its wait() is NaN (for integers their largest value), and ends up in the test's
/// values;
/// - an input that has changed, or a result that has been written, between a collective's start and its wait();
/// - a collective that nobody has waited for;
/// - ranks that differ in the sequence of their collectives: group, kind, subject, dtype, number of values.
/// Ranks pause at random, by `seed`, where a collective starts and where it is waited for.
std::vector<std::string> run_poisoned_ranks(int count,
                                            const std::function<void(distributed::Communicator& everyone)>& body,
                                            uint64_t seed = 1);

/// The same, and a failure of the test for each fault.
void expect_sound_ranks(int count, const std::function<void(distributed::Communicator& everyone)>& body,
                        uint64_t seed = 1);

}  // namespace molmo::testing
