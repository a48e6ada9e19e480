// Process-wide settings of LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo {

/// Threads inside one operator (0: all available). Call before the first operator runs.
void set_num_threads(int num_threads);

}  // namespace molmo
