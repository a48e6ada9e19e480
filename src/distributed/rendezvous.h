// How the ranks of a run find each other: through a key-value store on rank 0. There each also writes what it was
// started with, and they go on only if that is the same on all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include "distributed/communicator.h"
#include "molmo/error.h"

namespace molmo::distributed {

/// How long a name may be unknown, or a port taken, before that is an error.
std::chrono::seconds patience_of(const Timeouts& timeouts);

/// Opens the store (on rank 0), joins it, and returns when all ranks have come and agree on `facts`.
/// Errors, on all ranks the same text where they can hear it: a fact that differs, with the ranks and both values, the
/// number of ranks among them (exit code 2); ranks that do not come within `timeouts.start`, by number (75). An address
/// that is not known, a port that is taken (2).
c10::intrusive_ptr<c10d::Store> meet_in_store(const Rank& rank, const Timeouts& timeouts, const Facts& facts);

/// Instead of meeting: tells the ranks that have come, and those that come soon, that this one does not because of
/// `error`. They end with its code.
void decline_to_meet(const Rank& rank, const Timeouts& timeouts, const Error& error);

}  // namespace molmo::distributed
