// SPDX-License-Identifier: Apache-2.0
#include "base/end_now.h"

#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace molmo {

void end_now(const Error& error) {
  flush_logs();
  std::fprintf(stderr, "%s\n", error.what());
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(error.code()));
}

}  // namespace molmo
