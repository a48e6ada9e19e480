// The molmo program: hands the command line to a subcommand and turns every failure into an exit code.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>

#include "base/check.h"
#include "cli/app.h"
#include "molmo/error.h"
#include "tensor/runtime.h"

namespace {

int exit_with(molmo::ExitCode code, const char* message) {
  std::fprintf(stderr, "%s\n", message);
  return static_cast<int>(code);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return molmo::cli::run(argc, argv);
  } catch (const molmo::Error& error) {
    return exit_with(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    std::fprintf(stderr, "[file] %s\n", error.what());
    return static_cast<int>(molmo::ExitCode::kUserError);
  } catch (const std::exception& error) {
    if (const auto shortage = molmo::describe_memory_shortage(error)) return exit_with(molmo::ExitCode::kOutOfMemory, shortage->c_str());
    std::fprintf(stderr, "[bug] %s\n", error.what());
    return exit_with(molmo::ExitCode::kBug, "This is a bug in molmo: please report it with the command that led here.");
  }
}
