// Rotary positions on the GPU: raw pointers and a stream, no LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda/element_type.h"

namespace molmo::cuda {

/// Steps in values from one row, head and position to the next; the last axis is dense.
struct RopeStrides {
  int64_t row = 0, head = 0, position = 0;
};

struct RopeArgs {
  const void* x = nullptr;  ///< [rows, heads, positions, width] of `type`
  void* y = nullptr;        ///< the same shape
  RopeStrides x_strides, y_strides;
  const float* sin = nullptr;  ///< [rows or 1, positions, width], dense
  const float* cos = nullptr;
  bool has_table_per_row = false;
  ElementType type = ElementType::kFloat32;
  int64_t num_rows = 0, num_positions = 0;
  int num_heads = 0, width = 0;  ///< width: even
};

/// Starts the kernel on `stream`; the caller asks for launch errors (cudaGetLastError).
void launch_rope(const RopeArgs& args, cudaStream_t stream);

}  // namespace molmo::cuda
