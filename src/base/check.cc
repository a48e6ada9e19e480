// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <fmt/format.h>

namespace molmo {

void fail_check(const char* file, int line, const char* condition, const std::string& message) {
  throw InternalError(
      fmt::format("{}:{}: check failed: {}{}{}", file, line, condition, message.empty() ? "" : ": ", message));
}

}  // namespace molmo
