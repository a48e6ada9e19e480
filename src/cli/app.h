// The command line: one function per subcommand registers its options and what it runs. The program itself is
// torch-free and answers at once; the subcommands that compute are in src/commands, behind
// libmolmo_torch.so (cli/torch_half.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace CLI {
class App;
}

namespace molmo::cli {

/// What the chosen subcommand does after parsing, given the whole command line; returns the exit code.
using Action = std::function<int(int argc, char** argv)>;

/// Registers a subcommand with `app`, whose parsing sets `action`.
using AddCommand = void (*)(CLI::App& app, Action& action);

/// For an exception that means that memory ran out: the message. Nothing for every other.
using DescribeShortage = std::optional<std::string> (*)(const std::exception& error);

/// Parses and runs; returns the exit code. Every failure becomes a message on stderr and a code of docs/cli.md here.
int run(int argc, char** argv, std::span<const AddCommand> commands, DescribeShortage describe_shortage);

/// An action that ends with code 0.
template <class Function>
Action done_after(Function function) {
  return [function](int, char**) { return function(), 0; };
}

}  // namespace molmo::cli
