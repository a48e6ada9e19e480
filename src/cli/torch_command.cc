// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signals.h"
#include "cli/commands.h"
#include "cli/torch_half.h"

namespace molmo::cli {

void add_torch_command(Command& parent, const TorchCommand& command) {
  Command listed = parent.subcommand(command.name, command.description);
  listed.take_nothing();
  listed.acts([&command](int argc, char** argv) {
    if (command.saves_on_signals) hold_stop_signals();
    return run_torch_half(argc, argv);
  });
}

}  // namespace molmo::cli
