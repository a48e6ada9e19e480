// The command line: one function per subcommand registers its options and what it runs. The program itself is
// torch-free and answers instantly; the subcommands that compute are in src/commands, in
// libmolmo_torch.so (cli/torch_half.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "cli/command.h"
#include "molmo/error.h"

namespace molmo::cli {

/// Registers a subcommand.
using AddCommand = void (*)(Command& app);

/// What the user is told of an exception that is no Error of ours: that memory ran out, that a GPU has failed. Nothing
/// for what looks like a bug.
using Explain = std::optional<Error> (*)(const std::exception& error);

/// Parses and runs; returns the exit code. Every failure becomes a message on stderr and a code of docs/cli.md here.
int run(int argc, char** argv, std::span<const AddCommand> commands, Explain explain);

}  // namespace molmo::cli
