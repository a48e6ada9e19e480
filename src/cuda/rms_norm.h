// RMSNorm forward on the GPU: raw pointers and a stream, no LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace molmo::cuda {

enum class ElementType { kFloat32, kBfloat16 };

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

}  // namespace molmo::cuda
