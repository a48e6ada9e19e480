// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::cli {
namespace {

int exit_with(ExitCode code, const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return static_cast<int>(code);
}

int parse_and_run(int argc, char** argv, std::span<const AddCommand> commands) {
  CLI::App app("Trains, evaluates and runs Molmo vision-language models.", "molmo");
  app.set_version_flag("--version", std::string("molmo ") + kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Action action;
  for (const AddCommand add : commands) add(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has its own exit codes; every wrong flag is a user error here.
    return static_cast<int>(app.exit(error) == 0 ? ExitCode::kDone : ExitCode::kUserError);
  }
  return action(argc, argv);
}

}  // namespace

int run(int argc, char** argv, std::span<const AddCommand> commands, DescribeShortage describe_shortage) {
  try {
    return parse_and_run(argc, argv, commands);
  } catch (const Error& error) {
    return exit_with(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return exit_with(ExitCode::kUserError, std::string("[file] ") + error.what());
  } catch (const std::exception& error) {
    if (const auto shortage = describe_shortage(error)) return exit_with(ExitCode::kOutOfMemory, *shortage);
    std::fprintf(stderr, "[bug] %s\n", error.what());
    return exit_with(ExitCode::kBug, "This is a bug in molmo: please report it with the command that led here.");
  }
}

}  // namespace molmo::cli
