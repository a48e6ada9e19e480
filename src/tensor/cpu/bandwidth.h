// What one-row kernels are measured against.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::tensor {

/// Bytes per second that a loop reads from memory and does nothing else, in as many threads as an operator uses.
double measure_memory_bandwidth();

}  // namespace molmo::tensor
