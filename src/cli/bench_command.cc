// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cli/app.h"

namespace molmo::cli {
void add_bench(CLI::App&, Action&) {}
}
