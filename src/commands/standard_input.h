// Standard input as a whole.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace molmo::commands {

/// All that standard input has. Error where it was read before: two prompts or pictures cannot share it.
std::string read_standard_input();

}  // namespace molmo::commands
