// The command line: one function per subcommand registers its options and what it runs. The program itself is
// torch-free and answers at once; the subcommands that compute are in src/commands, behind
// libmolmo_torch.so (cli/torch_half.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "cli/command.h"

namespace molmo::cli {

/// Registers a subcommand.
using AddCommand = void (*)(Command& app);

/// For an exception that means that memory ran out: the message. Nothing for every other.
using DescribeShortage = std::optional<std::string> (*)(const std::exception& error);

/// Parses and runs; returns the exit code. Every failure becomes a message on stderr and a code of docs/cli.md here.
int run(int argc, char** argv, std::span<const AddCommand> commands, DescribeShortage describe_shortage);

}  // namespace molmo::cli
