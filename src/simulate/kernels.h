// The kernels of src/cuda on the simulated GPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/kernel_table.h"

namespace molmo::simulate {

/// Each allocates the results that its kernel writes, and records the launches that src/cuda makes.
tensor::KernelTable simulated_kernels();

}  // namespace molmo::simulate
