// Random numbers that are functions of a key, on the GPU: raw pointers and a stream, no LibTorch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace molmo::cuda {

/// Device pointers and sizes.
struct RowUniformsArgs {
  const int64_t* keys = nullptr;  ///< [rows]
  float* values = nullptr;        ///< [rows, count]
  int64_t site = 0;
  int64_t num_rows = 0, count = 0;  ///< above 0
};

/// Starts the kernel on `stream`; the bits are those of tensor/cpu/row_uniforms.cc.
void launch_row_uniforms(const RowUniformsArgs& args, cudaStream_t stream);

}  // namespace molmo::cuda
