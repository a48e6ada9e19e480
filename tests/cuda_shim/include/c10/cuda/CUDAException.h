// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/Exception.h>
#include <cuda_runtime_api.h>

#define C10_CUDA_KERNEL_LAUNCH_CHECK()                                                            \
  do {                                                                                            \
    const int launch_error = cudaGetLastError();                                                  \
    TORCH_CHECK(launch_error == cudaSuccess, "CUDA error: a launch failed, code ", launch_error); \
  } while (false)
