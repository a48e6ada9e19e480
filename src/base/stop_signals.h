// SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 as a wish that a run saves and ends. Schedulers, launchers and terminals
// each send one or two of them to the same process, so that a further one changes nothing.
//
//   hold_stop_signals();                              // first thing in main(): the program is still being loaded
//   const StopSignals signals("nothing was written"); // from here on they end the process with 75, saying so ...
//   StopSignals::start_noting();                      // ... and from here on they are noted
//   if (StopSignals::has_come()) throw Interruption();
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <csignal>
#include <exception>
#include <string>

namespace molmo {

/// The signals that ask for an end.
inline constexpr std::array kStopSignals{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

/// Keeps the stop signals waiting until there is a StopSignals.
void hold_stop_signals();

/// Work that was left because a signal asked for the end.
class Interruption : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted by a signal"; }
};

/// Handles the signals for its lifetime, of which a process has one at a time. What was ignored before stays ignored
/// (nohup). The third SIGINT ends the process as usual where each came a second or more after the one before: that is
/// somebody at a keyboard. So does SIGQUIT, which is left alone.
class StopSignals {
 public:
  /// Until start_noting() a signal ends the process at once with exit code 75: there is nothing to save yet. `farewell`
  /// is printed then; it outlives this.
  explicit StopSignals(const char* farewell);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static void start_noting();
  static bool has_come();
  /// "SIGTERM": the first that has come.
  static std::string name();

 private:
  std::array<struct sigaction, kStopSignals.size()> old_{};
};

}  // namespace molmo
