// The one function that libmolmo_torch.so exports.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/end_now.h"
#include "cli/app.h"
#include "commands/commands.h"
#include "molmo/error.h"
#include "tensor/runtime.h"

extern "C" int molmo_torch_run(int argc, char** argv) {
  using namespace molmo::commands;
  constexpr std::array<molmo::cli::AddCommand, 7> kCommands{add_generate, add_train,   add_eval, add_data,
                                                            add_inspect,  add_convert, add_bench};
  const int code = molmo::cli::run(argc, argv, kCommands, molmo::explain);
  // A GPU may still run a collective that waits for a lost rank, and its driver would wait for that.
  if (code == static_cast<int>(molmo::ExitCode::kRestart)) molmo::end_now(molmo::ExitCode::kRestart);
  return code;
}
