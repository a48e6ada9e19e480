// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "base/files.h"
#include "support/paths.h"

namespace molmo::testing {

Outcome run_command(const std::string& command) {
  const TemporaryFolder folder;
  const int status =
      std::system((command + " >" + (folder / "out").string() + " 2>" + (folder / "err").string()).c_str());
  return {WEXITSTATUS(status), read_text_file(folder / "out"), read_text_file(folder / "err")};
}

Outcome run_program(const std::string& arguments, const std::string& environment) {
  const char* binary = std::getenv("MOLMO_BINARY");
  if (binary == nullptr) throw std::runtime_error("MOLMO_BINARY is not set: run through ctest");
  return run_command(environment + " " + binary + " " + arguments);
}

void expect_user_error(const Outcome& outcome, const std::string& text) {
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
}

}  // namespace molmo::testing
