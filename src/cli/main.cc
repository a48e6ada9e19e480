// The molmo program.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <new>

#include "base/standard_output.h"
#include "cli/allocator.h"
#include "cli/app.h"
#include "cli/commands.h"

namespace {

template <const molmo::cli::TorchCommand& command>
void list(molmo::cli::Command& app) {
  molmo::cli::add_torch_command(app, command);
}

std::optional<molmo::Error> explain(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) == nullptr) return std::nullopt;
  return molmo::Error("[memory] out of memory: turn down the sizes or the threads", molmo::ExitCode::kOutOfMemory);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace molmo::cli;
  molmo::report_failed_writes();
  const molmo::CheckedStdout checked_stdout;
  prefer_large_pages();
  constexpr std::array<AddCommand, 9> kCommands{list<kGenerate>, list<kTrain>,   add_launch,
                                                list<kEval>,     list<kData>,    add_config,
                                                list<kInspect>,  list<kConvert>, list<kBench>};
  return run(argc, argv, kCommands, explain);
}
