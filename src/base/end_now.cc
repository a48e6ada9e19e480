// SPDX-License-Identifier: Apache-2.0
#include "base/end_now.h"

#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace molmo {

void end_now(ExitCode code) {
  flush_logs();
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(code));
}

void end_now(const Error& error) {
  flush_logs();  // what was said before comes first
  std::fprintf(stderr, "%s\n", error.what());
  end_now(error.code());
}

}  // namespace molmo
