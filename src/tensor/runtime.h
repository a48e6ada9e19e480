// Process-wide settings of LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "tensor/tensor.h"

namespace molmo {

/// Threads inside one operator (0: all available). Call before the first operator runs.
void set_num_threads(int num_threads);

/// A random number generator of its own, on the CPU.
at::Generator make_generator(uint64_t seed);

/// What to tell the user if `error` means that memory ran out (of the host or of a GPU); else nothing.
std::optional<std::string> describe_memory_shortage(const std::exception& error);

}  // namespace molmo
