// Communicators over c10d's backends (Gloo, NCCL). c10d's headers stay in backend.cc.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "distributed/communicator.h"
#include "molmo/error.h"

namespace molmo::distributed {

/// connect() for several ranks. They meet in a store of rank 0 (distributed/rendezvous.h); then Gloo talks through the
/// interfaces of GLOO_SOCKET_IFNAME, through the loopback where all ranks are on one machine, else through the
/// interface that leads to rank 0. With `has_groups_of_one` a run of one rank and its subgroups of one are groups of
/// the back end, too, so that one GPU is enough to try NCCL; else they are copies.
std::unique_ptr<Communicator> connect_backend(const Rank& rank, const Timeouts& timeouts, const Facts& facts,
                                              bool has_groups_of_one = false);

/// Tells the ranks that are meeting, if they can be reached within some seconds, that this one will not join.
void decline(const Rank& rank, const Error& error);

}  // namespace molmo::distributed
