// SPDX-License-Identifier: Apache-2.0
#include "cli/torch_half.h"

#include <fmt/format.h>

#include "base/shared_library.h"
#include "molmo/error.h"

namespace molmo::cli {

int run_torch_half(int argc, char** argv) {
  const std::string path = path_of_half("libmolmo_torch.so", "MOLMO_TORCH_LIBRARY");
  void* half = open_shared_library(
      path, "it is built beside the program (scripts/build.sh) and needs LibTorch where it was built");
  const auto run = find_symbol<int(int, char**)>(half, "molmo_torch_run");
  if (run == nullptr) throw Error(fmt::format("[program] {} is not the torch half of this program", path));
  return run(argc, argv);
}

}  // namespace molmo::cli
