// The subcommands behind libmolmo_torch.so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/app.h"

namespace molmo::commands {

using cli::Action;

void add_generate(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_convert(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_decode_bench(CLI::App& bench, Action& action);

}  // namespace molmo::commands
