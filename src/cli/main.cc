// The molmo program.
// SPDX-License-Identifier: Apache-2.0
#ifdef MOLMO_HAS_MIMALLOC
#include <mimalloc.h>
#endif

#include <array>
#include <new>

#include "cli/app.h"
#include "cli/commands.h"

namespace {

template <const molmo::cli::TorchCommand& command>
void list(molmo::cli::Command& app) {
  molmo::cli::add_torch_command(app, command);
}

std::optional<std::string> describe_shortage(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) == nullptr) return std::nullopt;
  return "[memory] out of memory: turn down the sizes or the threads";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace molmo::cli;
#ifdef MOLMO_HAS_MIMALLOC
  // What a step of training takes anew is touched page by page: large ones make it a sixth faster.
  // MIMALLOC_LARGE_OS_PAGES=0 says otherwise.
  mi_option_set_enabled_default(mi_option_large_os_pages, true);
#endif
  constexpr std::array<AddCommand, 9> kCommands{list<kGenerate>, list<kTrain>,   add_launch,
                                                list<kEval>,     list<kData>,    add_config,
                                                list<kInspect>,  list<kConvert>, list<kBench>};
  return run(argc, argv, kCommands, describe_shortage);
}
