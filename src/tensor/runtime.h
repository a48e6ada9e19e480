// Process-wide settings of LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace molmo {

/// Threads inside one operator (0: all available). Call before the first operator runs.
void set_num_threads(int num_threads);

/// A random number generator of its own, on the CPU.
at::Generator make_generator(uint64_t seed);

}  // namespace molmo
