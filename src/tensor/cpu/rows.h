// How the kernels share rows among threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace molmo::tensor::cpu {

/// Calls function(row) for every row of `width` values, several threads at a time, each with enough values to be
/// worth a thread.
template <class Function>
void for_rows(int64_t num_rows, int64_t width, const Function& function) {
  constexpr int64_t kValuesPerTask = 16384;
  at::parallel_for(0, num_rows, std::max<int64_t>(1, kValuesPerTask / width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) function(row);
  });
}

}  // namespace molmo::tensor::cpu
