// SPDX-License-Identifier: Apache-2.0
#include "cli/torch_half.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/shared_library.h"
#include "molmo/error.h"

namespace molmo::cli {
namespace {

// LibTorch's operators run on the threads of GNU OpenMP, which between two parallel regions spin for milliseconds in
// case another follows. Beside any other busy process a spinning thread takes the core that its own team is waiting
// for, and a training step becomes ten times slower. This count is some tens of microseconds: longer than the pauses
// between one layer's operators, far shorter than a time slice (docs/benchmarks.md). OpenMP reads it once, when it is
// loaded.
void shorten_waits_of_threads() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) ::setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0);
}

}  // namespace

int run_torch_half(int argc, char** argv) {
  shorten_waits_of_threads();
  const std::string path = path_of_half("libmolmo_torch.so", "MOLMO_TORCH_LIBRARY");
  void* half = open_shared_library(
      path, "it is built beside the program (scripts/build.sh) and needs LibTorch where it was built");
  const auto run = find_symbol<int(int, char**)>(half, "molmo_torch_run");
  if (run == nullptr) throw Error(fmt::format("[program] {} is not the torch half of this program", path));
  return run(argc, argv);
}

}  // namespace molmo::cli
