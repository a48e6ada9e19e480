// RMSNorm on the GPU: raw pointers and a stream, no LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda/element_type.h"
#include "cuda/rows_per_part.h"

namespace molmo::cuda {

/// Device pointers and sizes; rows are contiguous.
struct RmsNormArgs {
  const void* x = nullptr;        ///< [rows, width] of `type`
  const float* weight = nullptr;  ///< [width]
  float* y = nullptr;             ///< [rows, width]
  ElementType type = ElementType::kFloat32;
  int64_t num_rows = 0;  ///< 1 to 2^31 - 1
  int width = 0;
  float eps = 0.0f;
};

/// Starts the kernel on `stream`; the caller asks for launch errors (cudaGetLastError).
void launch_rms_norm(const RmsNormArgs& args, cudaStream_t stream);

struct RmsNormBackwardArgs {
  const float* grad = nullptr;    ///< [rows, width]
  const void* x = nullptr;        ///< [rows, width] of `type`
  const float* weight = nullptr;  ///< [width]
  void* to_x = nullptr;           ///< [rows, width] of `type`
  float* scales = nullptr;        ///< [rows], room for 1 / norm of each
  float* to_weight = nullptr;     ///< [ceil(rows / kRowsPerPart), width], to be summed over parts
  ElementType type = ElementType::kFloat32;
  int64_t num_rows = 0;  ///< 1 to 65535 * kRowsPerPart; more is a launch error
  int width = 0;
  float eps = 0.0f;
};

/// Starts both kernels on `stream`.
void launch_rms_norm_backward(const RmsNormBackwardArgs& args, cudaStream_t stream);

}  // namespace molmo::cuda
