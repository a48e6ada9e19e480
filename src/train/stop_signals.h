// SIGTERM and SIGINT as a wish that a run reads between two steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace molmo::train {

/// Notes the signals for its lifetime, of which a process has one at a time. A second signal ends the process as usual.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool has_come();

 private:
  struct sigaction old_term_ {
  }, old_int_{};
};

}  // namespace molmo::train
