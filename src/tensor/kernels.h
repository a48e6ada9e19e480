// Kernels that LibTorch does not have in the form the model needs. One table per device; kernels() gives the front that
// looks at the tensor's device. The CPU twins are always there; the CUDA half (src/cuda) fills its table when it is
// opened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::tensor {

/// Forward kernels of one device. Their arguments are checked and contiguous, and no gradient is wanted: the front sees
/// to all three. A null entry means that the device has no such kernel.
struct KernelTable {
  /// y = weight * round_to_dtype_of_x(x / sqrt(mean(x^2) + eps)), float32 inside. x: [..., D] float32 or bfloat16,
  /// weight: [D] float32, y: [..., D] float32.
  Tensor (*rms_norm)(const Tensor& x, const Tensor& weight, double eps) = nullptr;
};

/// The front, to call from everywhere: `kernels().rms_norm(x, weight, eps)`. It takes the kernel of x's device, and
/// LibTorch's operators where there is none, where a gradient is wanted, or for another dtype.
const KernelTable& kernels();

/// The kernels that run on the CPU.
const KernelTable& cpu_kernels();

/// The same functions by LibTorch's operators: any device and dtype, with gradients. What kernels are tested against.
const KernelTable& operator_kernels();

/// Makes `table` the kernels of CUDA tensors. Called once by device.cc, before any CUDA tensor exists.
void install_cuda_kernels(const KernelTable& table);

}  // namespace molmo::tensor
