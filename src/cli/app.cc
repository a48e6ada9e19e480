// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::cli {
namespace {

int exit_with(ExitCode code, const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return static_cast<int>(code);
}

int parse_and_run(int argc, char** argv, std::span<const AddCommand> commands) {
  CommandLine line("Trains, evaluates and runs Molmo vision-language models.", kVersion);
  Command root = line.root();
  for (const AddCommand add : commands) add(root);
  int exit_code = 0;
  const Action action = line.parse(argc, argv, exit_code);
  if (action) exit_code = action(argc, argv);
  // Nothing of a result may be missing where the exit code is 0; where the stream is bad, that was said already.
  if (std::cout.good()) std::cout.flush();
  return exit_code;
}

}  // namespace

int run(int argc, char** argv, std::span<const AddCommand> commands, Explain explain) {
  try {
    return parse_and_run(argc, argv, commands);
  } catch (const Error& error) {
    return exit_with(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return exit_with(ExitCode::kUserError, std::string("[file] ") + error.what());
  } catch (const std::exception& error) {
    if (const std::optional<Error> known = explain(error)) return exit_with(known->code(), known->what());
    std::fprintf(stderr, "[bug] %s\n", error.what());
    return exit_with(ExitCode::kBug, "This is a bug in molmo: please report it with the command that led here.");
  }
}

}  // namespace molmo::cli
