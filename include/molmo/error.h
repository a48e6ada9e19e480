// Errors that a user of molmo.cpp meets, and the exit code each of them ends the program with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace molmo {

/// Exit codes of the `molmo` program (docs/cli.md).
enum class ExitCode : int {
  kDone = 0,
  kUserError = 2,     ///< a file, a config or a flag is wrong
  kBug = 70,          ///< a broken invariant: please report
  kOutOfMemory = 71,  ///< says what was asked for and what to turn down
  kBadSteps = 74,     ///< the bad-step guard of training gave up
  kRestart = 75,      ///< a peer or device failed, or a signal asked to stop: restart with --resume auto
};

/// A failure that the user can mend. The message has the shape `[where] what, got X, expected Y`.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode code = ExitCode::kUserError)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

}  // namespace molmo
