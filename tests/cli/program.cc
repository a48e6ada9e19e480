// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "base/files.h"
#include "cli/program.h"
#include "support/paths.h"

namespace molmo::testing {

Outcome run_program(const std::string& arguments) {
  const TemporaryFolder folder;
  const char* binary = std::getenv("MOLMO_BINARY");
  if (binary == nullptr) throw std::runtime_error("MOLMO_BINARY is not set: run through ctest");
  const std::string command = std::string(binary) + " " + arguments + " >" + (folder / "out").string() + " 2>" + (folder / "err").string();
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), read_text_file(folder / "out"), read_text_file(folder / "err")};
}

void expect_user_error(const Outcome& outcome, const std::string& text) {
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
}

}  // namespace molmo::testing
