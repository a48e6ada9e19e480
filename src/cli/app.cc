// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <CLI/CLI.hpp>

#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::cli {

int run(int argc, char** argv) {
  CLI::App app("Trains, evaluates and runs Molmo vision-language models.", "molmo");
  app.set_version_flag("--version", std::string("molmo ") + kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Action action;
  for (const auto add : {add_generate, add_train, add_eval, add_data, add_config, add_inspect, add_convert, add_bench}) add(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has its own exit codes; every wrong flag is a user error here.
    return app.exit(error) == 0 ? static_cast<int>(ExitCode::kDone) : static_cast<int>(ExitCode::kUserError);
  }
  action();
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace molmo::cli
