// Communicators over c10d's back ends. c10d's headers stay in backend.cc.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dist/communicator.h"

namespace molmo::dist {

/// connect() for several ranks: rank 0 keeps a TCP store at `rank.address`, through which the others find each other.
/// Gloo talks through the interface of GLOO_SOCKET_IFNAME, or the one that carries this machine's name; through the
/// loopback where rank 0 is there.
std::unique_ptr<Communicator> connect_backend(const Rank& rank, const Timeouts& timeouts);

}  // namespace molmo::dist
