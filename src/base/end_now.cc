// SPDX-License-Identifier: Apache-2.0
#include "base/end_now.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/log.h"

namespace molmo {

void end_now(ExitCode code) {
  flush_logs();
  try {
    if (std::cout.good()) std::cout.flush();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(code));
}

void end_now(const Error& error) {
  flush_logs();  // what was said before comes first
  std::fprintf(stderr, "%s\n", error.what());
  end_now(error.code());
}

}  // namespace molmo
