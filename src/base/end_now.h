// The way out where the usual one may never end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "molmo/error.h"

namespace molmo {

/// Ends the process at once: logs are written, no destructor runs, no thread is waited for.
[[noreturn]] void end_now(ExitCode code);

/// Prints the error, and ends with its code.
[[noreturn]] void end_now(const Error& error);

}  // namespace molmo
