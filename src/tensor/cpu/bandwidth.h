// The upper bound for one-row kernels, which are limited by memory bandwidth.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::tensor {

/// Bytes per second that a loop reads from memory and does nothing else, in as many threads as an operator uses.
double measure_memory_bandwidth();

}  // namespace molmo::tensor
