// Process-wide settings of LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "molmo/error.h"
#include "tensor/tensor.h"

namespace molmo {

/// Threads inside one operator (0: all available). Call before the first operator runs.
void set_num_threads(int num_threads);
int num_threads();

/// A random number generator of its own, on the CPU.
at::Generator make_generator(uint64_t seed);

/// What to tell the user if `error` means that memory ran out (of the host or of a GPU); else nothing.
std::optional<std::string> describe_memory_shortage(const std::exception& error);

/// What LibTorch throws as the error that a user is told of: a memory shortage (exit code 71), a GPU that has failed
/// (75: another start may find it well again) or that this build has no kernels for (2). Nothing for what else it may
/// be.
std::optional<Error> explain(const std::exception& error);

}  // namespace molmo
