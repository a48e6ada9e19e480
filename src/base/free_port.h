// A port of this machine that nobody listens on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo {

/// Asks the system for one on the loopback. Another process may take it before the caller does: rarely, since the
/// system hands out others first.
int find_free_port();

}  // namespace molmo
