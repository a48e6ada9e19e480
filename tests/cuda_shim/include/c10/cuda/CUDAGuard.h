// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include "cuda_shim/grid.h"

namespace c10::cuda {

struct CUDAGuard {
  explicit CUDAGuard(Device /*device*/) { ++cuda_shim::num_guards; }
  ~CUDAGuard() { --cuda_shim::num_guards; }
  CUDAGuard(const CUDAGuard&) = delete;
  CUDAGuard& operator=(const CUDAGuard&) = delete;
};

}  // namespace c10::cuda
