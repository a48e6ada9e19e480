// Runs the molmo program and keeps what it said.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace molmo::testing {

struct Outcome {
  int code = 0;
  std::string out, err;
};

/// Runs a shell command.
Outcome run_command(const std::string& command);

/// Runs the program with `arguments` (a shell fragment) and, in front of it, assignments to its environment.
Outcome run_program(const std::string& arguments, const std::string& environment = "");

/// Exit code 2, nothing on stdout, and `text` in the message.
void expect_user_error(const Outcome& outcome, const std::string& text);

}  // namespace molmo::testing
