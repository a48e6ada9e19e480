// The one function that libmolmo_torch.so exports.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/app.h"
#include "commands/commands.h"
#include "tensor/runtime.h"

extern "C" int molmo_torch_run(int argc, char** argv) {
  using namespace molmo::commands;
  constexpr std::array<molmo::cli::AddCommand, 7> kCommands{add_generate, add_train,   add_eval, add_data,
                                                            add_inspect,  add_convert, add_bench};
  return molmo::cli::run(argc, argv, kCommands, molmo::describe_memory_shortage);
}
