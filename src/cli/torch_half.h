// libmolmo_torch.so: the subcommands that compute. LibTorch registers thousands of operators as it is loaded, a third
// of a second that `molmo --help` and `molmo config` need not wait for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::cli {

/// Opens the half, which lies beside the program (MOLMO_TORCH_LIBRARY names another), and runs the whole command line
/// there. Returns the exit code. Throws Error where the library does not open.
int run_torch_half(int argc, char** argv);

}  // namespace molmo::cli
