// The command line: one function per subcommand registers its options and what it runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace molmo::cli {

/// Parses and runs; returns the exit code. Wrong flags end with code 2 and a message on stderr.
int run(int argc, char** argv);

/// What the chosen subcommand does after parsing.
using Action = std::function<void()>;

void add_generate(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_config(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_convert(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);

}  // namespace molmo::cli
