// SPDX-License-Identifier: Apache-2.0
#include "commands/standard_input.h"

#include <unistd.h>

#include <iostream>
#include <iterator>

#include "base/log.h"
#include "molmo/error.h"

namespace molmo::commands {

std::string read_standard_input() {
  static bool was_read = false;
  if (was_read) throw Error("[generate] standard input is asked for twice, expected one - for a prompt or an image");
  was_read = true;
  if (::isatty(STDIN_FILENO)) log_info("[generate] reading standard input; Ctrl-D ends it");
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (std::cin.bad()) throw Error("[file] cannot read standard input");
  return text;
}

}  // namespace molmo::commands
