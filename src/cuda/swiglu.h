// silu(gate) * up on the GPU: raw pointers and a stream, no LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda/element_type.h"

namespace molmo::cuda {

/// Device pointers and sizes. Rows of `up` and of `gate` are dense, and so many values apart as their steps say; all
/// else is dense.
struct SwiGluArgs {
  const void* up = nullptr;  ///< [rows, width] of `type`, as all that follows
  const void* gate = nullptr;
  int64_t up_step = 0, gate_step = 0;
  void* y = nullptr;           ///< forward
  const void* grad = nullptr;  ///< backward: of y
  void* to_both = nullptr;  ///< [rows, 2 width]: that of up, then that of gate
  ElementType type = ElementType::kFloat32;
  int64_t num_rows = 0, width = 0;
};

/// Start a kernel on `stream`; the caller asks for launch errors (cudaGetLastError).
void launch_swiglu(const SwiGluArgs& args, cudaStream_t stream);
void launch_swiglu_backward(const SwiGluArgs& args, cudaStream_t stream);

}  // namespace molmo::cuda
