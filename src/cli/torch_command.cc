// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/torch_half.h"

namespace molmo::cli {

void add_torch_command(Command& parent, const TorchCommand& command) {
  Command listed = parent.subcommand(command.name, command.description);
  listed.take_nothing();
  listed.acts(run_torch_half);
}

}  // namespace molmo::cli
