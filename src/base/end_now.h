// The way out where the usual one may never end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "molmo/error.h"

namespace molmo {

/// Prints the error and ends the process with its code, at once: no destructor runs, no thread is waited for.
[[noreturn]] void end_now(const Error& error);

}  // namespace molmo
