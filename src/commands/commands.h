// The subcommands in libmolmo_torch.so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace molmo::commands {

void add_generate(cli::Command& app);
void add_train(cli::Command& app);
void add_eval(cli::Command& app);
void add_inspect(cli::Command& app);
void add_convert(cli::Command& app);
void add_data(cli::Command& app);
void add_bench(cli::Command& app);
void add_decode_bench(cli::Command& bench);
void add_data_show(cli::Command& data);
void add_data_bench(cli::Command& bench);
void add_train_bench(cli::Command& bench);

}  // namespace molmo::commands
