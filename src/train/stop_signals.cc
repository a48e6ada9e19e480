// SPDX-License-Identifier: Apache-2.0
#include "train/stop_signals.h"

namespace molmo::train {
namespace {

volatile std::sig_atomic_t noted = 0;
void note(int signal) { noted = signal; }

}  // namespace

StopSignals::StopSignals() {
  noted = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESETHAND | SA_RESTART;  // what writes a file goes on
  ::sigaction(SIGTERM, &action, &old_term_);
  ::sigaction(SIGINT, &action, &old_int_);
}

StopSignals::~StopSignals() {
  ::sigaction(SIGTERM, &old_term_, nullptr);
  ::sigaction(SIGINT, &old_int_, nullptr);
}

bool StopSignals::has_come() { return noted != 0; }

}  // namespace molmo::train
