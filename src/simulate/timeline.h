// How long recorded events take on a machine: the host issues them in order, the device computes them in order, and
// collectives run beside, those of
// one group one at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "simulate/event.h"
#include "simulate/machine.h"

namespace molmo::simulate {

struct Times {
  double seconds = 0.0;         ///< from the first event to the end of the last
  double device_seconds = 0.0;  ///< of kernels, one after another
  double collective_seconds = 0.0;
  double exposed_seconds = 0.0;  ///< the device waits for a collective
  double idle_seconds = 0.0;     ///< the device waits for the host
};

/// Of one event, by itself: the slower of arithmetic and memory (a roofline), or of a link.
double seconds_of(const Event& event, const Machine& machine);

Times run_timeline(std::span<const Event> events, const Machine& machine);

}  // namespace molmo::simulate
