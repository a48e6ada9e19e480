// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda_shim/grid.h"

namespace c10::cuda {

inline cudaStream_t getCurrentCUDAStream() { return cuda_shim::current_stream(); }

}  // namespace c10::cuda
