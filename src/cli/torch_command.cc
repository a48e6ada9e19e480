// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/torch_half.h"

namespace molmo::cli {

void add_torch_command(CLI::App& parent, const TorchCommand& command, Action& action) {
  CLI::App* listed = parent.add_subcommand(command.name, command.description);
  listed->set_help_flag();
  listed->prefix_command();  // the first argument and all behind it stay unread
  listed->callback([&action] { action = run_torch_half; });
}

}  // namespace molmo::cli
