// How sums over rows are divided: known to the kernels and, without CUDA, to those who count them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace molmo::cuda {

/// Rows whose shares of a weight's gradient are summed into one part.
inline constexpr int64_t kRowsPerPart = 128;

}  // namespace molmo::cuda
